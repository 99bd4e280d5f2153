"""The figures, as SQL over rows. Each takes a question and answers with rows; times are minutes.

Means are exact (numeric), percentiles interpolate between neighbours (percentile_cont); both are rounded to 6 digits,
so that the same question always has the same answer, in whatever order the rows lie.
"""

from collections.abc import Callable
from typing import Literal

from projections.reporting.figures import (
    SCOPE,
    Connection,
    Figures,
    Measures,
    Question,
    answer,
    count,
    dimensions,
    standing,
    within,
)

_OPEN = "h.status IN ('new', 'in_progress', 'on_hold') AND NOT h.merged AND NOT h.spam"
_FINISHED = "(what = 'resolved' OR what = 'closed' AND never_resolved)"


def _calendar(since: str, until: str) -> str:
    """SQL: plain minutes between two instants."""
    return f"(extract(epoch FROM {until} - {since}) / 60)::double precision"


def _share(part: str, whole: str) -> str:
    """SQL: a share from 0 to 1; null where there is no whole."""
    return f"round(({part})::numeric / nullif({whole}, 0), 6)::double precision"


def _spread(prefix: str, column: str, text: str) -> Measures:
    """The measures of a duration: how many, mean, median, 90th and 95th percentile."""
    rounded = "round((percentile_cont({}) WITHIN GROUP (ORDER BY {}))::numeric, 6)::double precision"
    return {
        f"{prefix}count": (f"count({column})", "count", f"How many had {text}."),
        f"{prefix}mean": (f"round(avg({column}::numeric), 6)::double precision", "number", f"Mean of {text}."),
        f"{prefix}median": (rounded.format(0.5, column), "number", f"Half had at most this: {text}."),
        f"{prefix}p90": (rounded.format(0.9, column), "number", f"Nine in ten had at most this: {text}."),
        f"{prefix}p95": (rounded.format(0.95, column), "number", f"Nineteen in twenty had at most this: {text}."),
    }


def _durations(text: str) -> Measures:
    return {
        **_spread("", "minutes", f"minutes {text}"),
        **_spread("business_", "business", f"business minutes {text}, holds included, where a calendar applied"),
    }


def _milestones(question: Question) -> str:
    """Milestones with the ticket as it stood; an opening time that was put right counts as put right."""
    at = "CASE m.what WHEN 'opened' THEN t.opened_at ELSE m.at END"
    return (
        f"SELECT {dimensions(question)}{at} AS at, m.what, h.resolved_at IS NULL AS never_resolved, "
        "h.group_changes, h.assignee_changes "
        "FROM reporting.milestones m JOIN reporting.tickets_at(%(at)s) t ON t.ticket = m.ticket "
        f"{standing('m.at')} WHERE m.at <= %(at)s AND {within(at)} AND {SCOPE}"
    )


def volume(connection: Connection, question: Question) -> Figures:
    """How many tickets were opened, resolved, closed, cancelled and reopened; each time counts."""
    measures: Measures = {
        what: (f"count(*) FILTER (WHERE what = '{what}')", "count", f"How often a ticket was {what}.")
        for what in ("opened", "resolved", "closed", "cancelled", "reopened")
    }
    return count(connection, "volume", question, _milestones, measures)


def backlog(connection: Connection, question: Question) -> Figures:
    """How many tickets were open at the end of each bucket, where they stood then; merged ones and spam are not."""
    return answer(connection, "backlog", question, _levels(question), _LEVELS)


_LEVELS: Measures = {
    "open": ("", "count", "Tickets open at the end of the bucket."),
    "unassigned": ("", "count", "Those of them that nobody was answerable for."),
    "on_hold": ("", "count", "Those of them on hold."),
}


def _levels(question: Question) -> str:
    """SQL of the backlog: every interval in which a ticket was open adds where it begins and takes where it ends."""
    named = "".join(f'"{name}", ' for name in question.by)
    columns = f"{dimensions(question)}h.assignee = '' AS unassigned, h.status = 'on_hold' AS on_hold"
    place = "width_bucket({}, %(starts)s::timestamptz[]) AS n"
    source = f"FROM reporting.tickets_history h WHERE {_OPEN} AND {SCOPE}"
    edges = (
        f"SELECT {columns}, {place.format('valid_from')}, 1 AS sign {source} "
        "AND valid_from < %(until)s AND valid_from <= %(at)s UNION ALL "
        f"SELECT {columns}, {place.format('valid_to')}, -1 {source} AND valid_to < %(until)s AND valid_to <= %(at)s"
    )
    sums = (
        f"SELECT {named}n, sum(sign) AS open, coalesce(sum(sign) FILTER (WHERE unassigned), 0) AS unassigned, "
        f"coalesce(sum(sign) FILTER (WHERE on_hold), 0) AS on_hold FROM ({edges}) e GROUP BY {named}n"
    )
    window = f"OVER (PARTITION BY {named}true ORDER BY n)"
    running = ", ".join(f"sum(coalesce({name}, 0)) {window} AS {name}" for name in _LEVELS)
    combinations = f"SELECT DISTINCT {named.rstrip(', ')} FROM sums" if question.by else "SELECT"
    known = "generate_series(0, cardinality(%(starts)s::timestamptz[])) AS n"
    using = f"({named}n)"
    level = ", ".join(f"{name}::bigint" for name in _LEVELS)
    something = f"AND ({' OR '.join(f'{name} <> 0' for name in _LEVELS)})" if question.by else ""
    return (
        f"WITH sums AS MATERIALIZED ({sums}), grid AS (SELECT c.*, n FROM ({combinations}) c CROSS JOIN {known}) "
        f"SELECT n, {named}{level} FROM (SELECT {named}n, {running} FROM grid LEFT JOIN sums USING {using}) levels "
        f"WHERE n > 0 {something}"
    )


def response_times(connection: Connection, question: Question, which: Literal["first", "next"] = "first") -> Figures:
    """How long requesters waited for the answers given in each bucket.

    First: from opening to the first reply by an agent. Next: from the oldest unanswered message after that to the
    reply that answers it; of several answers in one instant the last counts.
    """
    columns = {
        "first": ("opened_at", "first_response_at", "first_response_business_minutes", "from opening to first reply"),
        "next": ("asked_at", "answered_at", "answer_business_minutes", "from the requester's message to the reply"),
    }
    since, until, business, text = columns[which]
    return count(connection, f"{which}-response-times", question, _completed(since, until, business), _durations(text))


def resolution_times(connection: Connection, question: Question) -> Figures:
    """How long it took from opening to each resolution in the bucket; a ticket resolved again counts again.

    One that was taken back in the same instant has no time, and one whose time was put right then has that.
    """

    def things(question: Question) -> str:
        return (
            f"SELECT {dimensions(question)}m.at, {_calendar('h.opened_at', 'h.resolved_at')} AS minutes, "
            f"h.resolution_business_minutes AS business FROM reporting.milestones m {standing('m.at')} "
            f"WHERE {within('m.at')} AND {SCOPE} AND m.what = 'resolved' AND h.resolved_at IS NOT NULL"
        )

    return count(connection, "resolution-times", question, things, _durations("from opening to resolution"))


def _completed(since: str, until: str, business: str) -> Callable[[Question], str]:
    """What was completed when: the interval of a ticket's past that begins at ``until`` began with just that."""

    def things(question: Question) -> str:
        return (
            f"SELECT {dimensions(question)}h.{until} AS at, {_calendar(f'h.{since}', f'h.{until}')} AS minutes, "
            f"h.{business} AS business FROM reporting.tickets_history h "
            f"WHERE h.{until} = h.valid_from AND {within('h.valid_from')} AND {SCOPE}"
        )

    return things


def reopened(connection: Connection, question: Question) -> Figures:
    """How often tickets were reopened, beside how often they were finished (resolved, or closed without)."""
    part, whole = "count(*) FILTER (WHERE what = 'reopened')", f"count(*) FILTER (WHERE {_FINISHED})"
    measures: Measures = {
        "reopened": (part, "count", "Reopenings: the numerator."),
        "finished": (whole, "count", "Resolutions, and closings without one: the denominator."),
        "share": (_share(part, whole), "number", "reopened / finished; may exceed 1 in a small bucket."),
    }
    return count(connection, "reopened", question, _milestones, measures)


def reassigned(connection: Connection, question: Question) -> Figures:
    """Of the tickets finished in each bucket: how many had gone from group to group, or agent to agent, by then."""
    whole = f"count(*) FILTER (WHERE {_FINISHED})"
    measures: Measures = {"finished": (whole, "count", "Resolutions, and closings without one: the denominator.")}
    for name, column, between in (
        ("regrouped", "group_changes", "one group to another"),
        ("handed_over", "assignee_changes", "one agent to another"),
    ):
        part = f"count(*) FILTER (WHERE {_FINISHED} AND {column} > 0)"
        changes = f"coalesce(sum({column}) FILTER (WHERE {_FINISHED}), 0)::bigint"
        measures = {
            **measures,
            name: (part, "count", f"Those that had gone from {between}: the numerator."),
            f"{name}_share": (_share(part, whole), "number", f"{name} / finished."),
            column: (changes, "count", f"How often they had gone from {between}."),
        }
    return count(connection, "reassigned", question, _milestones, measures)


def satisfaction(connection: Connection, question: Question) -> Figures:
    """How requesters rated; of several ratings of one ticket in a bucket the last counts."""

    def things(question: Question) -> str:
        return (
            f"SELECT DISTINCT ON (m.ticket, width_bucket(m.at, %(starts)s::timestamptz[])) "
            f"{dimensions(question)}m.at, m.score FROM reporting.ratings m {standing('m.at')} "
            f"WHERE {within('m.at')} AND {SCOPE} "
            "ORDER BY m.ticket, width_bucket(m.at, %(starts)s::timestamptz[]), m.position DESC"
        )

    mean = "round(avg(score::numeric), 6)::double precision"
    measures: Measures = {
        "rated": ("count(*)", "count", "Tickets rated."),
        "mean": (mean, "number", "Mean score, 1 (bad) to 5 (good)."),
        **{
            f"score_{score}": (f"count(*) FILTER (WHERE score = {score})", "count", f"How many gave {score}.")
            for score in range(1, 6)
        },
    }
    return count(connection, "satisfaction", question, things, measures)


def workload(connection: Connection, question: Question) -> Figures:
    """What was done and what is left, meant to be asked by agent or group.

    Finished tickets and the backlog count for whoever was answerable, replies and time for whoever wrote and worked.
    """
    named = "".join(f'"{name}", ' for name in question.by)
    using = f"({named}bucket)"
    done = (
        f"SELECT width_bucket(at, %(starts)s::timestamptz[]) AS bucket, {named}sum(finished)::bigint AS finished, "
        "sum(replies)::bigint AS replies, sum(minutes)::bigint AS minutes, sum(billable)::bigint AS billable "
        f"FROM ({_work(question)}) things GROUP BY {', '.join(map(str, range(1, len(question.by) + 2)))}"
    )
    left = f"SELECT n AS bucket, {named}open FROM ({_levels(question)}) levels"
    measures = ", ".join(f"coalesce({name}, 0)" for name in _WORK)
    query = f"SELECT bucket, {named}{measures} FROM ({done}) done FULL JOIN ({left}) rest USING {using}"
    if question.by:
        query += f" WHERE {' + '.join(f'abs(coalesce({name}, 0))' for name in _WORK)} > 0"
    return answer(connection, "workload", question, query, _WORK)


_WORK: Measures = {
    "finished": ("", "count", "Resolutions, and closings without one."),
    "replies": ("", "count", "Replies to requesters, automatic ones left out."),
    "minutes": ("", "count", "Minutes of time spent."),
    "billable": ("", "count", "The part of minutes that can be billed."),
    "open": ("", "count", "Tickets open at the end of the bucket."),
}


def _work(question: Question) -> str:
    """Whatever was done, with what it counts for."""
    by_author = dimensions(question, agent="m.author")
    return (
        f"SELECT {dimensions(question)}m.at, 1 AS finished, 0 AS replies, 0 AS minutes, 0 AS billable "
        f"FROM reporting.milestones m {standing('m.at')} WHERE {within('m.at')} AND {SCOPE} "
        "AND (m.what = 'resolved' OR m.what = 'closed' AND h.resolved_at IS NULL) "
        f"UNION ALL SELECT {by_author}m.at, 0, 1, 0, 0 FROM reporting.replies m {standing('m.at')} "
        f"WHERE {within('m.at')} AND {SCOPE} AND m.by_agent AND NOT m.automatic "
        f"UNION ALL SELECT {by_author}m.at, 0, 0, m.minutes, CASE WHEN first.billable THEN m.minutes ELSE 0 END "
        "FROM reporting.time_entries m LEFT JOIN reporting.time_entries first ON m.ticket = first.ticket "
        f"AND m.entry = first.entry AND NOT first.correction {standing('m.at')} WHERE {within('m.at')} AND {SCOPE}"
    )


REPORTS: dict[str, Callable[[Connection, Question], Figures]] = {
    "volume": volume,
    "backlog": backlog,
    "response-times": response_times,
    "resolution-times": resolution_times,
    "reopened": reopened,
    "reassigned": reassigned,
    "workload": workload,
    "satisfaction": satisfaction,
}
"""Every report by its public name."""

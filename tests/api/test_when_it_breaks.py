"""When something of ours breaks: the caller learns what to do, and nothing else."""

import psycopg

from desk_talk import done, opened, refused

SECRET = "mother's maiden name"


def test_a_database_that_is_gone_is_said_with_the_advice_to_repeat(house, alice):
    number = opened(alice)
    done(alice, number, "start")
    house.desk.pool.close()
    answer = alice.get(f"/tickets/{number}")
    problem = refused(answer, 503, "database-unreachable")
    assert answer.headers["retry-after"]
    assert "maiden" not in str(problem)


def test_a_fault_of_ours_tells_nothing_but_its_incident(alice, database, caplog):
    number = opened(alice, title=SECRET)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON acta.message_keys FROM acta_app")
    answer = alice.get(f"/tickets/{number}")
    problem = refused(answer, 500, "fault")
    assert problem["incident"] in caplog.text
    assert "events_of < desk.py" in caplog.text
    for told in (answer.text, caplog.text):
        assert "maiden" not in told
        assert "message_keys" not in told

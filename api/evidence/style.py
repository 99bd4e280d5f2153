"""What the document looks like, on a screen and on paper. It names nothing that would have to be fetched."""

from base64 import b64encode
from hashlib import sha256

STYLE = """
:root{color-scheme:light;--ink:#1b2430;--soft:#566270;--line:#cfd6de;--tint:#f4f6f8;--mark:#234f8f}
*{box-sizing:border-box}
html{background:#e9ecf0}
body{margin:0 auto;max-width:210mm;padding:18mm 18mm 24mm;background:#fff;color:var(--ink);
font:10.5pt/1.5 Charter,"Bitstream Charter","Source Serif 4",Georgia,"DejaVu Serif",serif}
h1,h2,h3,th,dt,.kicker,.no,.when,.soft,nav,.verdict{font-family:system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
.kicker{margin:0;font-size:8.5pt;letter-spacing:.14em;text-transform:uppercase;color:var(--mark)}
h1{margin:.15em 0 .1em;font-size:25pt;line-height:1.15;font-weight:650;letter-spacing:-.01em}
.subject{margin:0 0 1.4em;font-size:14pt;color:var(--soft);overflow-wrap:anywhere}
h2{margin:2.2em 0 .6em;padding-bottom:.25em;border-bottom:1.5pt solid var(--ink);font-size:13pt;font-weight:650;
break-after:avoid}
h3{margin:1.6em 0 .4em;font-size:10.5pt;font-weight:650;break-after:avoid}
p{margin:.5em 0;overflow-wrap:anywhere;unicode-bidi:plaintext}
.soft,.when small{color:var(--soft)}
.soft{font-size:9pt}
.next{break-after:avoid}
dl{display:grid;grid-template-columns:38mm 1fr;margin:.8em 0;border-top:.5pt solid var(--line)}
dt,dd{margin:0;padding:.35em 0;border-bottom:.5pt solid var(--line)}
dt{font-size:9pt;color:var(--soft);padding-top:.5em}
dd{overflow-wrap:anywhere;unicode-bidi:plaintext}
.verify{margin:1.6em 0 0;padding:.9em 1.2em;background:var(--tint);border-left:3pt solid var(--mark);
break-inside:avoid}
.verify p{margin:.35em 0}
nav{margin:1.4em 0 0;font-size:9pt;columns:2}
nav a{display:block;color:var(--ink);text-decoration:none;padding:.1em 0}
table{width:100%;border-collapse:collapse;font-size:9.5pt}
th{text-align:left;font-size:8pt;font-weight:600;color:var(--soft);border-bottom:1pt solid var(--ink);
padding:.3em .8em .3em 0;vertical-align:bottom}
td{padding:.5em .8em .5em 0;vertical-align:top;border-bottom:.5pt solid var(--line);overflow-wrap:anywhere;
unicode-bidi:plaintext}
tr{break-inside:avoid}
.told td:first-child{width:11mm;color:var(--soft);font-variant-numeric:tabular-nums}
.more{margin-top:.35em;padding-left:.8em;border-left:2pt solid var(--line);font-size:9pt}
.told td:nth-child(2){width:47mm;font-variant-numeric:tabular-nums}
.when{font-size:8.5pt}
.when small{display:block;font-size:8pt}
.words{white-space:pre-wrap}
.proofs{table-layout:fixed}
.proofs td:nth-child(1),.proofs th:nth-child(1){width:14mm}
.proofs td:nth-child(2),.proofs th:nth-child(2){width:44mm}
.proofs td:nth-child(4),.proofs th:nth-child(4){width:21mm}
.proofs td{font-size:8.5pt}
.proofs code{display:block;font-size:6.4pt;letter-spacing:-.02em}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:8pt}
code{overflow-wrap:anywhere}
pre{margin:.6em 0;padding:.7em .9em;background:var(--tint);white-space:pre-wrap;overflow-wrap:anywhere;
line-height:1.45}
img{display:block;width:100%;margin:1em 0;break-inside:avoid}
.unseen{font:7.5pt ui-monospace,Menlo,Consolas,monospace;background:#ffe9c7;border:.5pt solid #c98a1b;padding:0 .2em}
ul{margin:.4em 0;padding-left:1.2em}
li{margin:.25em 0}
footer{margin-top:1.5em;padding-top:.6em;border-top:.5pt solid var(--line);font-size:8.5pt;color:var(--soft)}
@page{size:A4;margin:18mm 16mm 20mm;@bottom-left{content:"%(title)s";font:8pt sans-serif;color:#566270}
@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif;color:#566270}}
@media print{html,body{background:#fff}body{max-width:none;padding:0}.cover{break-after:page}
nav a::after{content:""}}
"""


def style_of(title: str) -> str:
    """The style sheet of a document with this title in its foot: of letters, digits, spaces and # only."""
    return STYLE.replace("%(title)s", title)


def digest_of(style: str) -> str:
    """What a Content-Security-Policy must name for a style sheet to count."""
    return "sha256-" + b64encode(sha256(style.encode()).digest()).decode()

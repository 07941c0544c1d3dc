/** The page's only style sheet; no scripts, no outside references. */
export const STYLES = `
:root{color-scheme:light dark;--bg:#fafafa;--card:#fff;--ink:#18181b;--soft:#52525b;--line:#e4e4e7;--red:#b91c1c;--amber:#b45309;--green:#15803d;--blue:#1d4ed8;--tint:#fef2f2}
@media(prefers-color-scheme:dark){:root{--bg:#111113;--card:#1b1b1f;--ink:#f4f4f5;--soft:#a1a1aa;--line:#33333a;--red:#f87171;--amber:#fbbf24;--green:#4ade80;--blue:#93c5fd;--tint:#2a1616}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:980px;margin:0 auto;padding:20px 16px 48px}h1{font-size:1.55rem;line-height:1.25;margin:.4rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:0 0 .6rem}section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 18px;margin:14px 0;overflow-x:auto;overflow-wrap:anywhere}
.meta{color:var(--soft);font-size:.9rem}.tag{display:inline-block;border-radius:99px;padding:2px 11px;font-size:.82rem;font-weight:700;color:#fff;background:var(--soft);margin-right:6px}
.tag.critical{background:#b91c1c}.tag.major{background:#b45309}.tag.minor{background:#3f6212}.tag.resolved{background:#15803d}
.now{border-left:6px solid var(--red);background:var(--tint)}.now.done{border-left-color:var(--green);background:var(--card)}.now p{margin:.25rem 0}.do{font-size:1.15rem;font-weight:700}
pre{background:#18181b;color:#f4f4f5;border-radius:8px;padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.82rem;margin:.6rem 0 .2rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:10px 18px;margin:0}.facts div{min-width:0}.facts .wide{grid-column:span 2}.facts dt{color:var(--soft);font-size:.8rem}.facts dd{margin:0;font-weight:600;overflow-wrap:anywhere}
ol.suspects{list-style:none;margin:0;padding:0}ol.suspects li{padding:10px 0;border-top:1px solid var(--line)}ol.suspects li:first-child{border-top:0;padding-top:0}
.bar{height:7px;border-radius:4px;background:var(--line);margin:4px 0 6px;max-width:380px}.bar i{display:block;height:100%;border-radius:4px;background:var(--red)}
.who{font-weight:700}.belief{color:var(--soft)}ul.ev{margin:0;padding-left:1.15rem;font-size:.93rem}ul.ev li{padding:1px 0;border:0}ul.ev .con{color:var(--soft)}
.narrow{display:none}.axis{font:11px system-ui,"DejaVu Sans",sans-serif;fill:#71717a}
.graph{margin:0}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:6px 18px}.mark{color:var(--amber);font-weight:600}
figure{margin:0 0 14px;min-width:0}figcaption{font-size:.9rem;overflow-wrap:anywhere}figure svg{width:100%;height:auto;max-width:720px;display:block}
.graph{width:100%;height:auto;display:block}.graph .node{fill:var(--card);stroke:var(--soft)}.graph .some{fill:var(--card);stroke:var(--amber);stroke-width:2}.graph .first{fill:#b91c1c;stroke:#b91c1c}
.graph text{fill:var(--ink);text-anchor:middle;font:600 13px system-ui,"DejaVu Sans",sans-serif}.graph .share{font:11px system-ui,"DejaVu Sans",sans-serif;fill:var(--soft)}.graph text.on{fill:#fff}
.graph .edge{fill:none;stroke:var(--soft);stroke-width:1.3}.graph .strong{fill:none;stroke:var(--red);stroke-width:3.2}.graph .tip{fill:var(--soft)}.graph .tip-strong{fill:var(--red)}
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{text-align:left;vertical-align:top;padding:4px 10px 4px 0;border-top:1px solid var(--line);overflow-wrap:anywhere}th{color:var(--soft);font-weight:600;border-top:0}td.t,td.k{width:1%;white-space:nowrap}td.e{width:18%}td.t{font-variant-numeric:tabular-nums;color:var(--soft)}
code{font:.84rem ui-monospace,Menlo,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}abbr{text-decoration:underline dotted;cursor:help}details summary{cursor:pointer;color:var(--blue)}
@media(max-width:560px){main{padding:12px 10px 40px}h1{font-size:1.25rem}section{padding:12px}.facts{grid-template-columns:1fr 1fr}.facts .wide{grid-column:1/-1}
table,tbody,tr,td{display:block}th{display:none}tr{border-top:1px solid var(--line);padding:6px 0}tr:has(th){border:0;padding:0}td{border:0;padding:1px 0}td:empty{display:none}td.t,td.e,td.k{display:inline-block;width:auto;margin-right:10px}td.e{font-weight:600}td[data-th]::before{content:attr(data-th) ": ";color:var(--soft);font-size:.82rem}.narrow{display:block}td.wide-only{display:none}.axis{font-size:20px}}
@media print{body{background:#fff;color:#000}section{break-inside:avoid;border-color:#bbb}details>*{display:block}}
`;

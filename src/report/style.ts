/** The page's style: one column of sections, lapis blue, terracotta and green for the three phases, gold for what is selected. */

const LIGHT = `
  --ground: #f4f5f8; --surface: #ffffff; --raised: #f8f9fb; --ink: #18202d; --soft: #566173; --faint: #8a94a5; --line: #dde2ea;
  --accent: #1d5fa6; --gold: #b07a10; --glow: #fff3cf;
  --forward: #2364aa; --forward-soft: #e6effa; --backward: #b0502a; --backward-soft: #fbebe3; --update: #23794f; --update-soft: #e2f3ea;
  --k: #8a2f87; --o: #1d5fa6; --t: #23794f; --n: #b0502a; --s: #7a6212; --c: #7c8698; --d: #47536a;
  --added: #e3f5e8; --removed: #fde7e4; --shadow: 0 1px 2px rgb(20 32 50 / 6%), 0 4px 16px rgb(20 32 50 / 4%);`;
const DARK = `
  --ground: #0f141b; --surface: #171d27; --raised: #1c2431; --ink: #e5eaf2; --soft: #9eabbd; --faint: #6f7c90; --line: #2b3544;
  --accent: #77b0ee; --gold: #e3b44b; --glow: #3b3115;
  --forward: #6ea8ea; --forward-soft: #1a2a40; --backward: #e79a74; --backward-soft: #38241b; --update: #6cc797; --update-soft: #18322a;
  --k: #d795d5; --o: #77b0ee; --t: #6cc797; --n: #e79a74; --s: #d6bd66; --c: #7c899c; --d: #a9b6c8;
  --added: #17352a; --removed: #41221f; --shadow: 0 1px 2px rgb(0 0 0 / 40%);`;

export const STYLE = `
:root { color-scheme: light;${LIGHT}
  --text: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
  --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', Consolas, monospace; }
@media (prefers-color-scheme: dark) { :root:not([data-theme='light']) { color-scheme: dark;${DARK} } }
:root[data-theme='dark'] { color-scheme: dark;${DARK} }
* { box-sizing: border-box; }
html { scroll-padding-top: 56px; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 var(--text); }
[hidden] { display: none !important; }
h1, h2, h3, h4, p { margin: 0; }
h1 { font-size: 27px; line-height: 1.2; letter-spacing: -0.015em; font-weight: 680; }
h2 { font-size: 19px; letter-spacing: -0.01em; font-weight: 650; margin-bottom: 4px; }
h3 { font-size: 14px; font-weight: 650; }
h4 { font-size: 12px; font-weight: 600; color: var(--soft); }
small { font-size: 12px; font-weight: 400; color: var(--soft); }
a { color: var(--accent); }
.mono, code, pre { font-family: var(--mono); font-size: 12px; }
:focus-visible { outline: 2px solid var(--gold); outline-offset: 2px; }
button, label { font: inherit; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 12px; top: 12px; z-index: 5; background: var(--surface); padding: 6px 10px; }

header { max-width: 1560px; margin: 0 auto; padding: 28px 28px 14px; display: flex; flex-wrap: wrap; gap: 16px 40px; align-items: flex-end; }
header .brand { font-size: 12px; letter-spacing: 0.09em; text-transform: uppercase; color: var(--accent); font-weight: 650; }
header .brand::before { content: ''; display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 8px; background: linear-gradient(135deg, var(--accent) 60%, var(--gold) 60%); }
#backend { color: var(--soft); font-size: 13px; margin-top: 3px; }
#figures { display: flex; flex-wrap: wrap; gap: 4px 30px; margin-left: auto; }
.tile b { display: block; font-size: 21px; line-height: 1.25; font-weight: 640; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.tile span { font-size: 12px; color: var(--soft); }
nav { position: sticky; top: 0; z-index: 3; background: color-mix(in srgb, var(--ground) 90%, transparent); backdrop-filter: blur(8px); border-bottom: 1px solid var(--line); }
nav > div { max-width: 1560px; margin: 0 auto; padding: 8px 28px; display: flex; gap: 4px 18px; align-items: center; flex-wrap: wrap; font-size: 13.5px; }
nav a { color: var(--soft); text-decoration: none; } nav a:hover { color: var(--ink); }
nav #theme { margin-left: auto; }
main { max-width: 1560px; margin: 0 auto; padding: 18px 28px 60px; display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr); }
main > section { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px 20px; box-shadow: var(--shadow); content-visibility: auto; contain-intrinsic-size: auto 700px; }
#explore { content-visibility: visible; } .waiting { min-height: 700px; }
.note { color: var(--soft); font-size: 13px; margin-bottom: 10px; max-width: 90ch; }
.empty { color: var(--faint); font-size: 13px; padding: 10px; }

#way { list-style: none; display: flex; flex-wrap: wrap; gap: 0; padding: 0; margin: 0; max-width: 1560px; }
#way li { display: flex; align-items: center; } #way li + li::before { content: '→'; color: var(--faint); margin: 0 12px; }
#way a { text-decoration: none; color: var(--soft); font-size: 13px; } #way a:hover { color: var(--ink); } #way b { color: var(--ink); margin-right: 5px; font-variant-numeric: tabular-nums; }

button.plain, .tools button, #reports button { background: var(--raised); color: var(--ink); border: 1px solid var(--line); border-radius: 6px; padding: 2px 9px; font-size: 12.5px; cursor: pointer; }
button.plain:hover, .tools button:hover { border-color: var(--faint); }
button:disabled { opacity: 0.45; cursor: default; }
#reports { display: inline-flex; } #reports button { border-radius: 0; } #reports button:first-child { border-radius: 6px 0 0 6px; } #reports button:last-child { border-radius: 0 6px 6px 0; border-left: 0; }
#reports button[aria-pressed='true'] { background: var(--accent); color: var(--surface); border-color: var(--accent); }
.key { display: flex; gap: 14px; font-size: 12px; color: var(--soft); flex-wrap: wrap; align-items: center; }
.key i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 5px; vertical-align: -1px; border: 1px solid; }
.key .forward { background: var(--forward-soft); border-color: var(--forward); } .key .backward { background: var(--backward-soft); border-color: var(--backward); } .key .update { background: var(--update-soft); border-color: var(--update); }
.key .memory { border: 2px solid var(--soft); background: none; } .key .wire { border: 0; border-top: 2px dashed var(--soft); border-radius: 0; height: 0; width: 16px; vertical-align: 3px; }

.panels { display: grid; grid-template-columns: minmax(280px, 30fr) minmax(0, 70fr); gap: 14px; margin-top: 12px; }
.panel { border: 1px solid var(--line); border-radius: 9px; display: flex; flex-direction: column; overflow: hidden; background: var(--surface); min-width: 0; }
.panel > h3, .stage > h3 { padding: 7px 12px; background: var(--raised); border-bottom: 1px solid var(--line); display: flex; gap: 10px; align-items: center; flex-wrap: wrap; }
.panel > h3 .tools { margin-left: auto; display: flex; gap: 4px; }
.tools button { min-width: 26px; padding: 0 7px; }
#program, #graph { height: 560px; overflow: auto; position: relative; } #program { padding: 6px 0 12px; } #program h4 { padding: 6px 12px 4px; }
#graph svg { display: block; margin: 0 auto; }
#chosen { display: flex; gap: 12px; align-items: center; margin-top: 12px; padding: 8px 12px; border-radius: 8px; background: var(--raised); border: 1px solid var(--line); font-size: 13px; min-height: 40px; }
#selected { flex: 1; overflow-wrap: anywhere; }

#strip { display: flex; flex-wrap: wrap; gap: 3px; margin-top: 12px; }
.chip { border: 1px solid; border-radius: 5px; padding: 3px 6px; min-width: 36px; font: 600 11.5px/1.4 var(--mono); cursor: pointer; }
.chip.small { min-width: 0; padding: 0 5px; margin: 1px 2px 1px 0; }
.chip.forward { background: var(--forward-soft); color: var(--forward); border-color: color-mix(in srgb, var(--forward) 45%, transparent); }
.chip.backward { background: var(--backward-soft); color: var(--backward); border-color: color-mix(in srgb, var(--backward) 45%, transparent); }
.chip.update { background: var(--update-soft); color: var(--update); border-color: color-mix(in srgb, var(--update) 45%, transparent); }
.chip.on { box-shadow: inset 0 -2px 0 var(--gold); } .chip[aria-pressed='true'] { background: var(--gold); border-color: var(--gold); color: var(--surface); }
.stage-head { display: flex; gap: 6px 18px; align-items: baseline; flex-wrap: wrap; margin: 16px 0 8px; }
#stage-choice { margin-left: auto; display: flex; gap: 12px; font-size: 13px; color: var(--soft); } #stage-choice label { cursor: pointer; } .refused { color: var(--faint); }
#stages { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 12px; }
.stage { border: 1px solid var(--line); border-radius: 9px; overflow: hidden; min-width: 0; }
.code { height: 480px; overflow: auto; position: relative; padding: 6px 0; } .code h4 { padding: 4px 12px; }
.lines { width: max-content; min-width: 100%; }
.row { padding-right: 14px; font: 12px/18px var(--mono); white-space: pre; tab-size: 2; border-left: 3px solid transparent; }
.row .number { display: inline-block; width: 44px; padding-right: 12px; text-align: right; color: var(--faint); font-size: 11px; user-select: none; }
.row code { font: inherit; } #program .row:not(.link) code, #program .row:not(.link) code span { color: var(--soft); }
.row.link { cursor: pointer; } .row.link:hover { background: var(--raised); } #program .row.link { border-left-color: color-mix(in srgb, var(--accent) 40%, transparent); }
.row.on, .row.link.on:hover, #program .row.on { background: var(--glow); border-left-color: var(--gold); }
.row:focus-visible { outline-offset: -2px; }
.k { color: var(--k); } .o { color: var(--o); } .t { color: var(--t); } .n { color: var(--n); } .s { color: var(--s); } .c { color: var(--c); font-style: italic; } .d { color: var(--d); }

svg text { font-family: var(--text); fill: var(--ink); }
.node, .group { cursor: pointer; } .node rect { fill: var(--surface); stroke-width: 1.2; } .node .op { font-size: 13px; font-weight: 600; } .node .type, .group .type { font: 10.5px var(--mono); fill: var(--soft); } .node .badge { font: 600 10px var(--mono); fill: var(--faint); }
.forward rect { stroke: color-mix(in srgb, var(--forward) 60%, var(--surface)); } .backward rect { stroke: color-mix(in srgb, var(--backward) 60%, var(--surface)); } .update rect { stroke: color-mix(in srgb, var(--update) 60%, var(--surface)); }
.node.stored rect { stroke-width: 2.6; }
.node.forward .op { fill: var(--forward); } .node.backward .op { fill: var(--backward); } .node.update .op { fill: var(--update); }
.group rect { stroke-width: 1.2; } .group .op { font-size: 13.5px; font-weight: 650; } .group .sign { font: 600 15px var(--mono); fill: var(--soft); }
.group.forward rect { fill: var(--forward-soft); } .group.backward rect { fill: var(--backward-soft); } .group.update rect { fill: var(--update-soft); }
.group.open rect { fill-opacity: 0.55; stroke-opacity: 0.5; stroke-dasharray: none; } .group.phase.open rect { fill-opacity: 0.28; }
.edge { fill: none; stroke: color-mix(in srgb, var(--faint) 75%, var(--surface)); } .edge.crosses { stroke-dasharray: 5 4; } #arrow path { fill: var(--faint); }
.selecting .node:not(.on), .selecting .group:not(.on):not(.open) { opacity: 0.4; } .selecting .edge:not(.on) { opacity: 0.25; } .edge.on { stroke: var(--gold); opacity: 1; }
.node.on rect { stroke: var(--gold); stroke-width: 2.6; fill: var(--glow); } .group.on:not(.open) rect { stroke: var(--gold); stroke-width: 2.4; }
.node:focus-visible, .group:focus-visible, .bar:focus-visible, .dot:focus-visible, .block:focus-visible { outline: none; }
.node:focus-visible rect, .group:focus-visible rect, .bar:focus-visible rect, .block:focus-visible rect, .dot:focus-visible circle { stroke: var(--gold); stroke-width: 3; }

.chart { width: 100%; min-width: 760px; height: auto; display: block; } #memory-chart, #roofline-chart, #timeline-chart { overflow-x: auto; } .chart .tick { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums; } .chart .label { font: 11px var(--mono); }
.grid { stroke: var(--line); } .area { fill: var(--accent); fill-opacity: 0.14; stroke: var(--accent); stroke-opacity: 0.5; }
.bar, .dot, .block { cursor: pointer; } .bar.temporary rect { fill: var(--accent); } .bar.scratch rect { fill: var(--gold); } .bar.parameter rect { fill: var(--faint); fill-opacity: 0.55; } .bar.output rect { fill: var(--update); }
.bar circle { fill: var(--surface); stroke: var(--ink); stroke-width: 1; } .bar circle.written { fill: var(--ink); } .bar:hover rect { filter: brightness(1.12); }
.dot.forward circle, .block.forward rect { fill: var(--forward); } .dot.backward circle, .block.backward rect { fill: var(--backward); } .dot.update circle, .block.update rect { fill: var(--update); }
.dot circle { fill-opacity: 0.72; } .dot.on circle, .block.on rect { stroke: var(--gold); stroke-width: 3; } .block .label, .block .tick { fill: var(--surface); } .block .label { font-weight: 650; }
.halo { paint-order: stroke; stroke: var(--surface); stroke-width: 3px; stroke-linejoin: round; }
.roof { fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-opacity: 0.55; stroke-dasharray: 6 4; }

.scroll { overflow: auto; max-height: 620px; border: 1px solid var(--line); border-radius: 9px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; } th { position: sticky; top: 0; background: var(--raised); text-align: left; font-weight: 600; font-size: 12px; color: var(--soft); } th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); vertical-align: top; } tbody tr:last-child td { border-bottom: 0; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } td.mono { font-size: 11.5px; } tr.on td { background: var(--glow); } .flow { min-width: 120px; } td .plain { border: 0; background: none; padding: 0; color: var(--accent); text-align: left; } td .plain:hover { text-decoration: underline; }
tr.less td:last-child { color: var(--update); font-weight: 600; } tr.more td:last-child { color: var(--backward); font-weight: 600; }
details { border: 1px solid var(--line); border-radius: 9px; margin-top: 8px; overflow: hidden; } summary { cursor: pointer; padding: 7px 12px; background: var(--raised); font-size: 13.5px; font-weight: 600; }
details pre, .diff { margin: 0; padding: 10px 14px; overflow: auto; max-height: 520px; line-height: 1.5; }
.diff { font: 12px/1.5 var(--mono); white-space: pre; padding: 8px 0; } .diff div { padding: 0 12px; width: max-content; min-width: 100%; } .diff .sign { display: inline-block; width: 18px; color: var(--soft); } .diff .added { background: var(--added); } .diff .removed { background: var(--removed); } .diff .gap { color: var(--faint); }
#difference h3 { margin: 16px 0 6px; }
.keys { color: var(--soft); font-size: 12.5px; margin-top: 10px; } kbd { font: 11px var(--mono); border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px; background: var(--raised); }
@media (max-width: 1000px) { .panels { grid-template-columns: minmax(0, 1fr); } #stages { grid-auto-flow: row; } #program { height: 320px; } #figures { margin-left: 0; } .code { height: auto; min-height: 60px; max-height: 480px; } html { scroll-padding-top: 80px; } header, nav > div, main { padding-left: 14px; padding-right: 14px; } }
@media print { nav { position: static; } main > section { content-visibility: visible; } .scroll, .code, #program, #graph { height: auto; max-height: none; overflow: visible; } }
`;

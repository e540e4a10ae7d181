/** The page's only style sheet, inline: its hash is what the content security policy allows. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5a6475; --line: #d9dee7; --paper: #fff; --raised: #f5f7fa; --mark: #0b6b4f; --warm: #9a4a00 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ef; --soft: #9aa5b8; --line: #303a4a; --paper: #12161d; --raised: #1a202a; --mark: #5fd0a8; --warm: #f0a860 }
}
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
.page { display: grid; grid-template-columns: 13rem minmax(0, 60rem); gap: 3rem; max-width: 80rem; margin: 0 auto; padding: 2rem 1.5rem 6rem }
nav { position: sticky; top: 2rem; align-self: start; max-height: calc(100vh - 4rem); overflow: auto; font-size: .94rem }
nav ul { list-style: none; margin: 0; padding: 0 }
nav a { display: block; padding: .18rem 0; color: var(--soft); text-decoration: none }
nav a:hover, nav a:focus { color: var(--mark); text-decoration: underline }
h1 { margin: 0 0 .3rem; font-size: 1.9rem; letter-spacing: -.02em }
h2 { margin: 3rem 0 .8rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-size: 1.35rem }
h3 { margin: 0; font-size: 1rem; font-weight: 600 }
p { margin: .4rem 0 } a { color: var(--mark) }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .86rem }
pre { margin: .5rem 0; padding: .8rem 1rem; overflow-x: auto; background: var(--raised); border: 1px solid var(--line); border-radius: 6px; line-height: 1.5 }
.operation { margin: 1rem 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden }
.operation summary { display: grid; grid-template-columns: 4.2rem 1fr; gap: .1rem .8rem; padding: .7rem 1rem; cursor: pointer; list-style: none }
.operation summary::-webkit-details-marker { display: none }
.operation summary:hover { background: var(--raised) }
.operation summary:focus-visible { outline: 2px solid var(--mark); outline-offset: -2px }
.operation .body { padding: .2rem 1rem 1rem; border-top: 1px solid var(--line) }
.method { font: 600 .8rem/1.8 ui-monospace, Menlo, monospace; color: var(--mark) }
.method.changes { color: var(--warm) }
.path { font-family: ui-monospace, Menlo, monospace; font-size: .88rem; overflow-wrap: anywhere; color: var(--soft) }
.needs { font-size: .84rem; color: var(--soft) }
.name { grid-column: 2 }
table { width: 100%; border-collapse: collapse; font-size: .92rem }
td { overflow-wrap: anywhere }
th, td { padding: .35rem .8rem .35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--soft) }
.label { margin-top: .9rem; font-size: .84rem; font-weight: 600; color: var(--soft) }
@media (max-width: 52rem) { .page { grid-template-columns: minmax(0, 1fr); gap: 1rem } nav { position: static; max-height: none } nav ul { columns: 2 } }
`

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml(value) {
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character])
}

const cell = (value) => `<td>${escapeHtml(value ?? '')}</td>`
const badge = (colour) => `<td><span class="badge ${colour ?? 'none'}">${colour ?? 'open'}</span></td>`

/** The whole page. Everything from outside is escaped here and nowhere else. */
export function page({ missions, sites, token, release, notice = null }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Field inspections</title>
<link rel="stylesheet" href="/style.css">
<main>
  <h1>Field inspections</h1>
  ${notice ? `<p class="notice" role="status">${escapeHtml(notice)}</p>` : ''}
  <form method="post" action="/missions">
    <input type="hidden" name="token" value="${escapeHtml(token)}">
    <label>Site <input name="site" required maxlength="100"></label>
    <label>Inspector <input name="inspector" required maxlength="100"></label>
    <button>Plan a mission</button>
  </form>
  <h2>Sites</h2>
  <table>
    <thead><tr><th>Site<th>Missions<th>Open<th>Worst</tr></thead>
    <tbody>${sites.map((line) => `<tr>${cell(line.site)}${cell(line.missions)}${cell(line.open)}${badge(line.worst)}</tr>`).join('')}</tbody>
  </table>
  <h2>Missions</h2>
  <table>
    <thead><tr><th>Number<th>Site<th>Inspector<th>State<th>Risk</tr></thead>
    <tbody>${missions.map((line) => `<tr>${cell(line.id)}${cell(line.site)}${cell(line.inspector)}${cell(line.state)}${badge(line.colour)}</tr>`).join('')}</tbody>
  </table>
  <footer>${escapeHtml(release)}</footer>
</main>
</html>
`
}

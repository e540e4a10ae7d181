/** The OpenAPI document as a page that a person reads: plain HTML, no script, nothing from elsewhere. */
import { ERROR_CODES } from '../../../../api/errors.ts'
import type { OpenApiDocument, Operation, Schema } from '../openapi.ts'
import { shape } from './shape.ts'
import { STYLE } from './style.ts'

interface Listed extends Operation {
  method: string
  path: string
}

export function docsPage(document: OpenApiDocument): string {
  const topics = byTopic(document)
  const names = Object.keys(document.components.schemas).sort()
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Towpath API ${escaped(document.info.version)}</title>
<style>${STYLE}</style>
</head>
<body>
<div class="page">
<nav aria-label="Topics"><ul>
<li><a href="/">← The console</a></li>
<li><a href="#start">First call</a></li>
${[...topics.keys()].map((topic) => `<li><a href="#${topic}">${topic}</a></li>`).join('\n')}
<li><a href="#shapes">Shapes</a></li>
<li><a href="#errors">Errors</a></li>
</ul></nav>
<main>
<h1>Towpath API</h1>
<p>${escaped(document.info.description)} Version ${escaped(document.info.version)}, as <a href="/openapi.json">OpenAPI 3.1</a> for machines.</p>
${FIRST_CALL}
${[...topics].map(([topic, operations]) => topicSection(topic, operations)).join('\n')}
<h2 id="shapes">Shapes</h2>
${names.map((name) => shapeBlock(name, document.components.schemas[name]!)).join('\n')}
${errorSection()}
</main>
</div>
</body>
</html>
`
}

const FIRST_CALL = `<h2 id="start">First call</h2>
<p>The platform answers on this machine alone. <code>platform.json</code> in its home names the address and the file that holds your token.</p>
<pre tabindex="0">curl -H "Authorization: Bearer $(cat ~/.local/share/towpath/token)" http://127.0.0.1:7370/api/whoami</pre>
<p>Input is one flat object: what stands in the path, the rest in the query of a GET, and in the JSON body of everything else. A changing call may carry an <code>Idempotency-Key</code>: repeated under it, the call makes no second change. Streams are server-sent events; <code>Last-Event-ID</code> goes on where one broke.</p>`

function byTopic(document: OpenApiDocument): Map<string, Listed[]> {
  const topics = new Map<string, Listed[]>()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const topic = operation.tags[0]!
      topics.set(topic, [...(topics.get(topic) ?? []), { ...operation, method: method.toUpperCase(), path }])
    }
  }
  return new Map([...topics].sort(([left], [right]) => (left < right ? -1 : 1)))
}

function topicSection(topic: string, operations: Listed[]): string {
  return `<section><h2 id="${topic}">${topic}</h2>\n${operations.map(operationBlock).join('\n')}</section>`
}

function operationBlock(operation: Listed): string {
  const { method, path, summary, operationId } = operation
  return `<details class="operation" id="${operationId}">
<summary><span class="method${method === 'GET' ? '' : ' changes'}">${method}</span><span class="path">/api${escaped(path)}</span>
<h3 class="name">${escaped(summary)}</h3></summary>
<div class="body">
<p class="needs">Needs <code>${escaped(operation['x-permission'])}</code> · <code>${operationId}</code></p>
${parametersTable(operation)}
${Object.values(operation.requestBody?.content ?? {})
  .map(({ schema }) => `<div class="label">Body</div><pre tabindex="0">${escaped(shape(schema))}</pre>`)
  .join('')}
${answer(operation)}
</div>
</details>`
}

function parametersTable({ parameters = [] }: Operation): string {
  if (parameters.length === 0) return ''
  const rows = parameters.map(({ name, in: place, required, schema }) => {
    const fallback = schema.default === undefined ? '' : ` = ${JSON.stringify(schema.default)}`
    return `<tr><td><code>${escaped(name)}</code></td><td>${place}${required ? '' : ', optional'}</td><td><code>${escaped(shape(schema) + fallback)}</code></td></tr>`
  })
  return `<table><thead><tr><th>Parameter</th><th>Where</th><th>Type</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function answer({ responses }: Operation): string {
  return Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .flatMap(([, { content = {} }]) => Object.entries(content))
    .map(([type, { schema }]) => {
      const isStream = type === 'text/event-stream'
      const label = isStream ? 'Answer, a stream of' : 'Answer'
      return `<div class="label">${label}</div><pre tabindex="0">${escaped(shape(isStream ? eventData(schema) : schema))}</pre>`
    })
    .join('')
}

/** A stream is described as its frames; what a reader wants is what they carry. */
function eventData(schema: Schema): Schema {
  const message = schema.oneOf?.find((one) => one.properties?.event?.const === 'message')
  return message?.properties?.data ?? schema
}

function shapeBlock(name: string, schema: Schema): string {
  return `<details class="operation" id="shape-${name}"><summary><span class="method">type</span><h3>${name}</h3></summary><div class="body"><pre tabindex="0">${escaped(shape(schema))}</pre></div></details>`
}

function errorSection(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { status, exit }]) => `<tr><td><code>${code}</code></td><td>${status}</td><td>${exit}</td></tr>`,
  )
  return `<h2 id="errors">Errors</h2>
<p>Every failure is <code>{ code, message, hint?, requestId }</code>: one sentence that names the thing and the value, and what mends it.</p>
<table><thead><tr><th>Code</th><th>HTTP status</th><th>Exit code of tow</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

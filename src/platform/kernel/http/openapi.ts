/** The OpenAPI 3.1 document, made from the contract: what our own client speaks is what everyone else reads here. */
import { OpenAPIGenerator } from '@orpc/openapi'
import { ZodToJsonSchemaConverter } from '@orpc/zod/zod4'
import { Artifact } from '../../../api/app-spec.ts'
import { App } from '../../../api/apps.ts'
import { Build } from '../../../api/builds.ts'
import { contract } from '../../../api/contract.ts'
import { ERROR_CODES } from '../../../api/errors.ts'
import { Event } from '../../../api/events.ts'
import { LogLine } from '../../../api/logs.ts'
import { Release, ReleaseSummary } from '../../../api/releases.ts'
import { Rollout } from '../../../api/rollouts.ts'
import { Ship } from '../../../api/ships.ts'
import { operationsOf, type TableEntry } from './table.ts'

/** JSON Schema as far as the documentation looks into it. */
export interface Schema {
  $ref?: string
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: Schema | boolean
  anyOf?: Schema[]
  oneOf?: Schema[]
  default?: unknown
  format?: string
  description?: string
}

export interface Content {
  description?: string
  content?: Record<string, { schema: Schema }>
}

export interface Operation {
  operationId: string
  summary: string
  tags: string[]
  'x-permission': string
  /** Where the input names what is touched. */
  'x-objects'?: unknown
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; description?: string }[]
  requestBody?: Content & { required?: boolean }
  responses: Record<string, Content>
}

export interface OpenApiDocument {
  openapi: string
  info: { title: string; version: string; description: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const COMMON = { App, Artifact, Build, Event, LogLine, Release, ReleaseSummary, Rollout, Ship }

export async function openApiDocument(version: string): Promise<OpenApiDocument> {
  const generator = new OpenAPIGenerator({ schemaConverters: [new ZodToJsonSchemaConverter()] })
  const document = (await generator.generate(contract, {
    info: {
      title: 'Towpath',
      version,
      description: 'From source to a live URL. Every operation that the command line and the console use.',
    },
    servers: [{ url: '/api' }],
    security: [{ token: [] }],
    commonSchemas: Object.fromEntries(Object.entries(COMMON).map(([name, schema]) => [name, { schema }])),
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'From the file that platform.json names.' },
      },
    },
  })) as unknown as OpenApiDocument
  document.components.schemas.Error = ERROR_SCHEMA
  for (const entry of operationsOf(contract)) {
    const operation = document.paths[entry.path]?.[entry.method.toLowerCase()]
    if (!operation) throw new Error(`${entry.name} is not in the document`)
    describe(operation, entry)
  }
  return document
}

function describe(operation: Operation, { name, meta }: TableEntry): void {
  operation.tags = [name.split('.')[0]!]
  operation['x-permission'] = meta.permission
  if (meta.objects !== null && meta.objects !== 'none') operation['x-objects'] = meta.objects
  operation.responses.default = {
    description: 'What went wrong, in one sentence, and what mends it',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  }
  if (!meta.replays) return
  operation.parameters = [
    ...(operation.parameters ?? []),
    {
      name: 'Idempotency-Key',
      in: 'header',
      schema: { type: 'string' },
      description:
        'Made by the caller, 8 to 128 printable characters. The same call under the same key makes no second change ' +
        'and is answered with the first answer, for 24 hours.',
    },
  ]
}

const ERROR_SCHEMA: Schema = {
  type: 'object',
  required: ['code', 'message', 'requestId'],
  properties: {
    code: { enum: Object.keys(ERROR_CODES) },
    message: { type: 'string', description: 'One sentence that names the thing and the value.' },
    hint: { type: 'string', description: 'What mends it, a command where there is one.' },
    requestId: { type: 'string', description: 'Under this the platform’s log has more.' },
  },
}

import * as z from 'zod'
import * as answers from './answer-schemas.ts'
import {KINDS} from './gateway-view.ts'
import {type Route, refusalsOf} from './route.ts'
import {ROWS} from './row-schemas.ts'
import {VERSION} from './version.ts'

type Json = Readonly<Record<string, unknown>>

/** Every shape with a name of its own, so that a client made from the document has types with names. */
function registryOf() {
  const registry = z.registry<{id: string}>()
  for (const [id, schema] of Object.entries(answers)) registry.add(schema, {id})
  for (const [kind, schema] of Object.entries(ROWS)) {
    registry.add(schema, {id: kind === 'findings' ? 'Finding' : `${kind[0]!.toUpperCase()}${kind.slice(1)}Row`})
  }
  return registry
}

const refTo = (id: string): string => `#/components/schemas/${id}`

/** The API as OpenAPI 3.1, made from what checks and answers requests. */
export function openApiDocument(routes: readonly Route[]): Json {
  const registry = registryOf()
  const {schemas} = z.toJSONSchema(registry, {uri: refTo, io: 'output', unrepresentable: 'any'})
  const bare = Object.entries(schemas).map(([id, {$schema: _s, $id: _i, ...schema}]) => [id, schema])
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    paths[route.path] = {...paths[route.path], [route.method.toLowerCase()]: operationOf(route, registry)}
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Isthmus gateway',
      version: VERSION,
      description:
        'Over the Unix socket, or over TLS by a client certificate or the session of a one-time token. See docs/reference/api.md.',
    },
    paths,
    components: {
      schemas: Object.fromEntries(bare),
      securitySchemes: {
        certificate: {type: 'mutualTLS'},
        session: {type: 'apiKey', in: 'cookie', name: '__Host-isthmus'},
      },
    },
  }
}

type Registry = ReturnType<typeof registryOf>

function operationOf(route: Route, registry: Registry): Json {
  const {method, path, does, role, body} = route
  const refusal = {$ref: refTo('Refusal')}
  const refusals = refusalsOf(route).map((status) => [status, {description: REASONS[status], content: jsonOf(refusal)}])
  const own = Object.entries(route.answers).map(([status, answer]) => [
    status,
    {
      description: Number(status) === 200 ? 'done, or what was asked for' : 'not now',
      content: contentOf(answer, registry),
    },
  ])
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[/.{}-]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: does,
    'x-role': role,
    // A session is a viewer's.
    security: role === 'anyone' ? [] : role === 'viewer' ? [{certificate: []}, {session: []}] : [{certificate: []}],
    parameters: [...pathParameters(path), ...queryParameters(route), ...headerParameters(route)],
    ...(body === null ? {} : {requestBody: {required: true, content: bodyOf(route, body)}}),
    responses: Object.fromEntries([...refusals, ...own]),
  }
}

const jsonOf = (schema: unknown): Json => ({'application/json': {schema}})

function contentOf(answer: Route['answers'][number], registry: Registry): Json {
  if (answer === 'text') return {'text/plain': {schema: {type: 'string'}}}
  if (answer === 'events') return {'text/event-stream': {schema: {type: 'string'}}}
  const id = registry.get(answer)?.id
  if (id === undefined) throw new Error('an answer without a name')
  return jsonOf({$ref: refTo(id)})
}

const bodyOf = ({bodyIs}: Route, body: z.ZodType): Json => {
  const {$schema: _, ...schema} = z.toJSONSchema(body, {io: 'input', unrepresentable: 'any'})
  return bodyIs === 'text' ? {'application/yaml': {schema}} : jsonOf(schema)
}

/** `name` may hold slashes, as they are or encoded. */
const pathParameters = (path: string): Json[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{name, in: 'path', required: true},
    schema: name === 'kind' ? {type: 'string', enum: KINDS} : {type: 'string', minLength: 1},
  }))

function queryParameters({query}: Route): Json[] {
  const {properties = {}, required = []} = z.toJSONSchema(query, {io: 'input', unrepresentable: 'any'})
  return Object.entries(properties).map(([name, schema]) => ({
    ...{name, in: 'query', required: required.includes(name)},
    schema,
  }))
}

const headerParameters = ({headers = {}}: Route): Json[] =>
  Object.entries(headers).map(([name, {source}]) => ({
    ...{name, in: 'header', required: false},
    schema: {type: 'string', pattern: source},
  }))

const REASONS: Readonly<Record<number, string>> = {
  400: 'a part of the request is wrong; `field` says which',
  401: 'not logged in, or the login is refused',
  403: "not for this role, or sent by another site's page",
  404: 'there is none of that name',
  409: 'not as things stand',
  410: 'the page is gone: begin anew',
  412: 'another version is in force than `If-Match` says',
  413: 'more than 1 MiB',
  422: 'the configuration is refused; `findings` says why',
  429: 'asked too often; `Retry-After` says when to come back',
  500: 'a fault of the gateway, or a file that cannot be written',
  503: 'not now: too many watch, or the change cannot be written down',
}

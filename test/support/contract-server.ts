import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {request} from 'node:http'
import {request as requestTls} from 'node:https'
import * as z from 'zod'
import {type Audit, type ConfigChange, type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {fakeView} from './fake-view.ts'
import {type Issued, issuedFolder, SERVER} from './issued.ts'

/** One request, as a contract test makes them. */
export interface Asked {
  readonly method: string
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Over TLS; `as`: with this certificate. */
  readonly tls?: true
  readonly as?: string
}

export interface Answered {
  readonly status: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** A server with everything on: socket, TLS, metrics; its view and its audit log do as they are told. */
export interface ContractServer {
  readonly api: RunningApi
  readonly socketPath: string
  readonly faults: string[]
  ask(asked: Asked): Promise<Answered>
  stop(): Promise<void>
}

const changed = (version: number): ConfigChange => ({ok: true, version, unchanged: false, pending: null, findings: []})

/** Configuration that is refused, as what it says, and put in force otherwise. */
export function scriptedView(): GatewayView {
  const codes = ['config-refused', 'needs-restart', 'change-pending', 'config-unwritable'] as const
  let version = 2
  const refusal = (text: string): ConfigChange | null => {
    const code = codes.find((one) => text.includes(one))
    return code ? {ok: false, code, message: code, findings: []} : null
  }
  const unlessChanged = (expected: number | null = null, make: () => ConfigChange): ConfigChange =>
    expected === null || expected === version
      ? make()
      : {ok: false, code: 'version-changed', message: 'as told', findings: []}
  const plain = fakeView()
  return {
    ...plain,
    rotateKeys: async (site) =>
      site === 'nowhere' ? {ok: false, problem: 'no site nowhere'} : {ok: true, tunnels: []},
    configuration: {
      ...plain.configuration,
      inForce: () => ({version, text: `version: ${version}\n`}),
      apply: async (text, _, expected) => unlessChanged(expected, () => refusal(text) ?? changed(++version)),
      confirm: async (expected) =>
        unlessChanged(expected, () => ({ok: false, code: 'nothing-pending', message: 'as told', findings: []})),
      rollback: async (to, expected) =>
        unlessChanged(expected, () =>
          to !== null && to > 99
            ? {ok: false, code: 'no-such-version', message: 'as told', findings: []}
            : changed(++version),
        ),
    },
  }
}

export async function contractServer(view: GatewayView, audit?: Audit): Promise<ContractServer> {
  const issued: Issued = issuedFolder()
  await issued.make('ca')
  await issued.make('server', {issuer: 'ca', ...SERVER})
  for (const name of ['admin', 'viewer']) await issued.make(name, {issuer: 'ca'})
  const faults: string[] = []
  const socketPath = issued.at('api.sock')
  const address = parseAddress('127.0.0.1')!
  const api = await startApi({
    ...{view, socketPath, metrics: {address, port: 0}},
    ...(audit ? {audit} : {}),
    listen: {
      ...{address, port: 0, cert: issued.at('server.pem'), key: issued.at('server.key'), clientCa: issued.at('ca.pem')},
      clients: [
        {commonName: 'admin', role: 'admin'},
        {commonName: 'viewer', role: 'viewer'},
      ],
    },
    onError: (error, what) => faults.push(`${what}: ${error}`),
  })
  const read = (name: string): Buffer => readFileSync(issued.at(name))
  return {
    ...{api, socketPath, faults},
    ask: ({method, target, headers = {}, body, tls, as}) =>
      new Promise((resolve, reject) => {
        const options = {method, path: target, headers, agent: false as const}
        const identity = as === undefined ? {} : {cert: read(`${as}.pem`), key: read(`${as}.key`)}
        const outgoing = tls
          ? requestTls({...options, ...identity, host: '127.0.0.1', port: api.tlsPort(), ca: read('ca.pem')})
          : request({...options, socketPath})
        outgoing.on('error', reject)
        outgoing.on('response', (incoming) => {
          const {statusCode: status = 0, headers: got} = incoming
          const done = (text: string): void =>
            resolve({status, contentType: got['content-type'] ?? '', headers: got, text})
          // A stream has no end: its beginning says enough.
          if (got['content-type']?.startsWith('text/event-stream')) {
            incoming.once('data', (part: Buffer) => {
              done(part.toString())
              outgoing.destroy()
            })
            incoming.on('error', () => undefined)
            if (method === 'HEAD') done('')
            return
          }
          let text = ''
          incoming.setEncoding('utf8').on('data', (part: string) => {
            text += part
          })
          incoming.on('end', () => done(text)).on('error', reject)
        })
        outgoing.end(body)
      }),
    async stop() {
      await api.close()
      issued.remove()
    },
  }
}

export interface Operation {
  readonly 'x-role': string
  readonly requestBody?: {readonly content: Readonly<Record<string, {readonly schema: object}>>}
  readonly parameters: readonly {readonly name: string; readonly in: string; readonly schema: JsonSchema}[]
  readonly responses: Readonly<Record<string, {readonly content: Readonly<Record<string, {readonly schema: object}>>}>>
}

export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {readonly schemas: Readonly<Record<string, z.core.JSONSchema.JSONSchema>>}
}

/** What the server itself says that it is. */
export async function documentOf(server: ContractServer): Promise<ApiDocument> {
  const {status, text} = await server.ask({method: 'GET', target: '/v1/openapi.json'})
  assert.equal(status, 200)
  return JSON.parse(text)
}

/** Holds an answer against the document: a status that it names, a body of the shape that it gives. */
export function answerChecker({
  components,
}: ApiDocument): (operation: Operation, answer: Answered, what: string) => void {
  const local = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('#/components/schemas/', '#/$defs/'))
  const $defs: Record<string, z.core.JSONSchema.JSONSchema> = local(components.schemas)
  const known = new Map<string, z.ZodType>()
  const schemaOf = (schema: object): z.ZodType => {
    const key = JSON.stringify(schema)
    const made = known.get(key) ?? z.fromJSONSchema({...local(schema), $defs})
    known.set(key, made)
    return made
  }
  return ({responses}, {status, contentType, text}, what) => {
    const response = responses[status]
    assert.ok(response, `${what}: ${status} is not in the document: ${text}`)
    const type = contentType.split(';')[0]!
    const content = response.content[type]
    assert.ok(content, `${what}: ${status} is ${type}`)
    if (type !== 'application/json') return
    const result = schemaOf(content.schema).safeParse(JSON.parse(text))
    assert.ok(result.success, `${what}: ${status}: ${result.error?.message}: ${text.slice(0, 500)}`)
  }
}

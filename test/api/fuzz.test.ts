import assert from 'node:assert/strict'
import {readdirSync} from 'node:fs'
import {connect} from 'node:net'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import fc from 'fast-check'
import {MOST_STREAMS} from '../../src/api/event-hub.ts'
import {
  type ApiDocument,
  type Asked,
  answerChecker,
  type ContractServer,
  contractServer,
  documentOf,
  type JsonSchema,
  type Operation,
  scriptedView,
} from '../support/contract-server.ts'
import {type EventReader, readEvents} from '../support/event-reader.ts'
import {eventually} from '../support/namespace.ts'

const RUNS = Number(process.env.RUNS ?? 250)
/** A thousand, and again and again, where there is time for it. */
const WATCHERS = RUNS > 1000 ? 1000 : 300
const SEED = process.env.SEED === undefined ? {} : {seed: Number(process.env.SEED)}

const descriptors = (): number => readdirSync('/proc/self/fd').length
/** Both ends of a connection are here, and the server's hears of its end a moment later. */
const closed = (before: number): Promise<unknown> => eventually(async () => descriptors() <= before + 3)

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

/** Text that means something to those who read paths, queries, headers and JSON. */
const TRICKS = [
  ...[
    '',
    '.',
    '..',
    '../..',
    '%2e%2e',
    '%2e%2e%2f',
    '%00',
    '%',
    '%zz',
    '%c0%af',
    '%F0%9F%92%A9',
    '//',
    '\\',
    ';',
    '#',
    '+',
  ],
  ...['__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', 'Infinity', '-1', '1e9', '0x10', '1.5', ' 1'],
  ...['true', '[]', '{}', '"', "'", '<script>', '$ref', '\u202e', '9'.repeat(400), 'x'.repeat(9000)],
] as const

const trick = fc.oneof(
  fc.constantFrom(...TRICKS),
  fc.string({maxLength: 20}),
  fc.string({unit: 'binary', maxLength: 8}),
)

/** What nobody may put on a request line is put there encoded. */
const lineSafe = (text: string): string =>
  text.replace(/[^\x21-\x7e]/gu, (char) => encodeURIComponent(char.isWellFormed() ? char : '?'))

const queryArbitrary = ({parameters}: Operation) => {
  const known = parameters
    .filter((one) => one.in === 'query')
    .map(({name, schema}) => [name, textLike(schema)] as const)
  const pair = fc.oneof(
    ...known.map(([name, value]) => value.map((one): [string, string] => [name, one])),
    fc.tuple(trick, trick),
  )
  return fc.array(pair, {maxLength: 4})
}

/** Of the type, nearly of it, and not of it at all. */
function textLike({type, minimum = 0, maximum = 10, enum: words}: JsonSchema): fc.Arbitrary<string> {
  if (words) return fc.oneof(fc.constantFrom(...words), trick)
  if (type === 'integer') return fc.oneof(fc.integer({min: minimum - 2, max: maximum + 2}).map(String), trick)
  return trick
}

function bodyArbitrary({requestBody}: Operation): fc.Arbitrary<string | Buffer | undefined> {
  const schema: JsonSchema = requestBody?.content['application/json']?.schema ?? {}
  const names = Object.keys(schema.properties ?? {})
  const name = fc.oneof(...(names.length > 0 ? [fc.constantFrom(...names)] : []), trick)
  const near = fc.array(fc.tuple(name, fc.oneof(fc.jsonValue({maxDepth: 2}), trick)), {maxLength: 6})
  return fc.oneof(
    fc.constant(undefined),
    near.map((entries) => JSON.stringify(Object.fromEntries(entries))),
    fc.json({maxDepth: 3}),
    trick,
    fc.uint8Array({maxLength: 64}).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('[', '{"a":', '[[[['.repeat(5000), `"${'x'.repeat(1_048_576)}"`, '{"__proto__":{"role":"admin"}}'),
  )
}

const headersArbitrary = fc.dictionary(
  fc.constantFrom(
    'if-match',
    'last-event-id',
    'cookie',
    'origin',
    'host',
    'content-type',
    'accept',
    'sec-fetch-site',
    'x-forwarded-for',
  ),
  trick.map((text) => lineSafe(text).slice(0, 2000)),
  {maxKeys: 3},
)

describe('fuzzed API', () => {
  let server: ContractServer
  let document: ApiDocument

  before(async () => {
    server = await contractServer(scriptedView())
    document = await documentOf(server)
  })
  after(() => server.stop())

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([lower, operation]) => ({path, method: lower.toUpperCase(), operation})),
    )

  it('answers whatever comes as its document says, refuses with field and reason, and keeps nothing', async function () {
    this.timeout(0)
    const check = answerChecker(document)
    const [fdsBefore, heapBefore] = [descriptors(), heap()]
    const arbitrary = fc.constantFrom(...operations()).chain(({path, method, operation}) =>
      fc.record({
        path: fc.constant(path),
        method: fc.constant(method),
        query: queryArbitrary(operation),
        body: bodyArbitrary(operation),
        headers: headersArbitrary,
        names: fc.array(trick, {minLength: 2, maxLength: 2}),
        isRandomPath: fc.integer({min: 0, max: 9}).map((dice) => dice === 0),
      }),
    )
    const property = fc.asyncProperty(arbitrary, async (made) => {
      const filled = made.path
        .replace('{kind}', () => encodeURIComponent(made.names[0]!.toWellFormed()))
        .replace('{name}', () => encodeURIComponent(made.names[1]!.toWellFormed()))
      const query = made.query.map(([name, value]) => `${lineSafe(name)}=${lineSafe(value)}`).join('&')
      const place = made.isRandomPath ? `/${lineSafe(made.names.join('/'))}` : filled
      const target = `${place}${query === '' ? '' : `?${query}`}`
      const what = `${made.method} ${target.slice(0, 200)}`
      const {body, method, headers} = made
      const question: Asked = {method, target, headers, ...(body === undefined || method === 'GET' ? {} : {body})}
      const answer = await server.ask(question)
      // Node's own word for a request line or headers beyond 16 KiB, and for what is no HTTP.
      if (answer.contentType === '' && [400, 431].includes(answer.status)) return
      assert.ok(answer.status < 500, `${what}: ${answer.text}`)
      const isElsewhere = answer.status === 404 || answer.status === 405
      if (!made.isRandomPath && !isElsewhere)
        check(document.paths[made.path]![made.method.toLowerCase()]!, answer, what)
      if (answer.status >= 400) {
        const {error} = JSON.parse(answer.text)
        assert.ok(error.code && error.message, what)
        if (answer.status === 400) assert.match(error.field, /^(path|query|body|header)\b/, `${what}: ${error.message}`)
        assert.ok(answer.text.length < 4000, `${what}: the refusal is as long as the question`)
      }
    })
    await fc.assert(property, {numRuns: RUNS, ...SEED})
    assert.deepEqual(server.faults, [])
    assert.equal((await server.ask({method: 'GET', target: '/healthz'})).status, 200)
    await closed(fdsBefore)
    assert.ok(heap() - heapBefore < 40_000_000, `${heap() - heapBefore} bytes more`)
  })

  it(`${WATCHERS} who want to watch: so many may, the others are told when to come back, and nothing is left`, async function () {
    this.timeout(0)
    const [fdsBefore, heapBefore] = [descriptors(), heap()]
    for (let round = 0; round < (RUNS > 1000 ? 10 : 1); round++) {
      const readers: EventReader[] = []
      // The kernel lets so many wait for a socket at a time.
      for (let batch = 0; batch < WATCHERS / 50; batch++) {
        const opened = Array.from({length: 50}, () => readEvents({socketPath: server.socketPath, path: '/v1/events'}))
        readers.push(...(await Promise.all(opened)))
      }
      const [watching, refused] = [200, 503].map((status) => readers.filter((reader) => reader.status === status))
      assert.deepEqual([watching!.length, refused!.length], [MOST_STREAMS, WATCHERS - MOST_STREAMS])
      assert.ok(refused!.every(({headers}) => headers['retry-after'] === '5'))
      const isStatus = ({event}: {event: string}): boolean => event === 'status'
      await Promise.all(watching!.map((reader: EventReader) => reader.next(isStatus)))
      assert.equal((await server.ask({method: 'GET', target: '/v1/status'})).status, 200)
      for (const reader of readers) reader.close()
      await closed(fdsBefore)
    }
    const again = await readEvents({socketPath: server.socketPath, path: '/v1/events'})
    assert.equal(again.status, 200, 'there is room again')
    again.close()
    await closed(fdsBefore)
    assert.ok(heap() - heapBefore < 40_000_000, `${heap() - heapBefore} bytes more`)
  })

  const itWithTime = RUNS > 1000 ? it : () => undefined
  itWithTime('who sends a letter a second is cut, and others are answered meanwhile', async function () {
    this.timeout(60_000)
    const began = performance.now()
    const text = 'POST /v1/trace HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n'
    const ends = Array.from({length: 100}, (_, index) => {
      const socket = connect(server.socketPath)
      socket.on('error', () => undefined)
      // Half of them never end their headers, the others their body.
      let sent = index % 2 === 0 ? 0 : text.length - 1
      socket.write(text.slice(0, sent))
      const sending = setInterval(() => socket.write(text[sent++] ?? 'x'), 1000)
      socket.resume()
      return new Promise<void>((resolve) =>
        socket.on('close', () => {
          clearInterval(sending)
          resolve()
        }),
      )
    })
    await new Promise((resolve) => setTimeout(resolve, 3000))
    assert.equal((await server.ask({method: 'GET', target: '/v1/status'})).status, 200)
    await Promise.all(ends)
    assert.ok(performance.now() - began < 15_000)
    assert.deepEqual(server.faults, [])
  })

  const raw: readonly [name: string, text: string][] = [
    ['nonsense', '\x16\x03\x01\x02\x00garbage\r\n\r\n'],
    ['two lengths', 'POST /v1/drain HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
    [
      'length and chunks',
      'POST /v1/drain HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a chunk that is none', 'POST /v1/trace HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n'],
    ['long headers', `GET /v1/status HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(70_000)}\r\n\r\n`],
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    ['another protocol', 'GET /v1/events HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['a body that never comes whole', 'POST /v1/trace HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"fr'],
  ]
  for (const [name, text] of raw) {
    it(`${name} on the wire harms nobody`, async () => {
      const socket = connect(server.socketPath)
      socket.on('error', () => undefined)
      socket.write(text)
      await new Promise((resolve) => setTimeout(resolve, 30))
      socket.destroy()
      assert.equal((await server.ask({method: 'GET', target: '/healthz'})).status, 200)
      assert.deepEqual(server.faults, [])
    })
  }
})

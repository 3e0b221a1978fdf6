import assert from 'node:assert/strict'
import {X509Certificate} from 'node:crypto'
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs'
import {Agent, request} from 'node:https'
import {createServer} from 'node:net'
import type {TLSSocket} from 'node:tls'
import {createApiClient} from '../../src/api/client.ts'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import type {ApiListen} from '../../src/model/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {readEvents} from '../support/event-reader.ts'
import {fakeView, STATUS} from '../support/fake-view.ts'
import {type Issued, issuedFolder, SERVER} from '../support/issued.ts'

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: {readonly error?: {readonly code: string; readonly message: string}} & Readonly<
    Record<string, unknown>
  >
}

interface Ask {
  readonly method?: string
  readonly body?: string
  /** Name of a certificate. */
  readonly as?: string
  readonly headers?: Readonly<Record<string, string>>
}

describe('API over TLS', () => {
  let issued: Issued
  let api: RunningApi
  let drained: boolean[]
  let listen: ApiListen

  before(async () => {
    issued = issuedFolder()
    await Promise.all([issued.make('ca'), issued.make('other-ca')])
    await issued.make('server', {issuer: 'ca', ...SERVER})
    for (const name of ['alice', 'bob', 'eve', 'late']) await issued.make(name, {issuer: 'ca'})
    // Called like the admin, by an authority that nobody asked.
    await issued.make('false-alice', {issuer: 'other-ca', subject: {organisation: 'test', commonName: 'alice'}})
    await issued.make('pinned', {issuer: 'other-ca', subject: {organisation: 'test', commonName: null}})
    issued.expire('late', 'ca')
  })
  after(() => issued.remove())

  const fingerprint = (name: string): string =>
    new X509Certificate(readFileSync(issued.at(`${name}.pem`))).fingerprint256.replaceAll(':', '').toLowerCase()

  beforeEach(async () => {
    drained = []
    listen = {
      ...{address: parseAddress('127.0.0.1')!, port: 0},
      ...{cert: issued.at('server.pem'), key: issued.at('server.key'), clientCa: issued.at('ca.pem')},
      clients: [
        {commonName: 'alice', role: 'admin'},
        {commonName: 'bob', role: 'viewer'},
        {commonName: 'late', role: 'admin'},
        {fingerprint: fingerprint('pinned'), role: 'viewer'},
      ],
    }
    const view = fakeView({
      drain: async (on) => {
        drained.push(on)
      },
    })
    const socketPath = issued.at('api.sock')
    api = await startApi({view, socketPath, metrics: null, listen, onError: assert.fail})
    assert.equal(api.tlsProblem(), null)
  })
  afterEach(() => api.close())

  const optionsOf = ({as, headers = {}, method = 'GET'}: Ask) => ({
    ...{host: '127.0.0.1', port: api.tlsPort(), agent: false as const, method, headers},
    ca: readFileSync(issued.at('ca.pem')),
    ...(as === undefined
      ? {}
      : {cert: readFileSync(issued.at(`${as}.pem`)), key: readFileSync(issued.at(`${as}.key`))}),
  })
  const ask = (target: string, asked: Ask = {}): Promise<Got> =>
    new Promise((resolve, reject) => {
      const outgoing = request({...optionsOf(asked), path: target}, (incoming) => {
        let text = ''
        incoming.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        incoming.on('end', () =>
          resolve({status: incoming.statusCode ?? 0, headers: incoming.headers, body: JSON.parse(text)}),
        )
      })
      outgoing.on('error', reject).end(asked.body)
    })
  const logIn = async (): Promise<string> => {
    const made = await createApiClient(issued.at('api.sock')).loginToken(5)
    assert.ok(made.ok)
    const {status, headers} = await ask('/v1/login', {method: 'POST', body: JSON.stringify({token: made.value.token})})
    assert.equal(status, 200)
    return headers['set-cookie']![0]!.split(';')[0]!
  }

  const cases: {name: string; target: string; ask?: Ask; status: number; code?: string}[] = [
    {name: 'nobody sees that it lives', target: '/healthz', status: 200},
    {name: 'nobody sees no status', target: '/v1/status', status: 401, code: 'not-logged-in'},
    {name: 'nobody sees no metrics', target: '/metrics', status: 401, code: 'not-logged-in'},
    {name: 'nobody watches', target: '/v1/events', status: 401, code: 'not-logged-in'},
    {name: 'nobody drains', target: '/v1/drain', ask: {method: 'POST'}, status: 401, code: 'not-logged-in'},
    {name: 'nobody makes tokens', target: '/v1/login-token', ask: {method: 'POST'}, status: 401},
    {name: 'an admin sees', target: '/v1/status', ask: {as: 'alice'}, status: 200},
    {name: 'an admin changes', target: '/v1/drain', ask: {as: 'alice', method: 'POST'}, status: 200},
    {name: 'a viewer sees', target: '/v1/status', ask: {as: 'bob'}, status: 200},
    {
      name: 'a viewer traces',
      target: '/v1/trace',
      ask: {as: 'bob', method: 'POST', body: '{"from":"10.1.0.5"}'},
      status: 200,
    },
    {
      name: 'a viewer changes nothing',
      target: '/v1/drain',
      ask: {as: 'bob', method: 'POST'},
      status: 403,
      code: 'not-allowed',
    },
    {name: 'a certificate by its fingerprint', target: '/v1/status', ask: {as: 'pinned'}, status: 200},
    {name: 'a certificate that nobody named', target: '/v1/status', ask: {as: 'eve'}, status: 401},
    {name: "the admin's name by another authority", target: '/v1/status', ask: {as: 'false-alice'}, status: 401},
    {name: 'a certificate that ran out', target: '/v1/status', ask: {as: 'late'}, status: 401},
    {
      name: 'a page of another site, with the certificate of the admin',
      target: '/v1/drain',
      ask: {as: 'alice', method: 'POST', headers: {origin: 'https://evil.example'}},
      ...{status: 403, code: 'wrong-origin'},
    },
    {
      name: 'a page that hides where it is from',
      target: '/v1/drain',
      ask: {as: 'alice', method: 'POST', headers: {origin: 'null'}},
      ...{status: 403, code: 'wrong-origin'},
    },
    {
      name: 'another site, in the words of the browser',
      target: '/v1/drain',
      ask: {as: 'alice', method: 'POST', headers: {'sec-fetch-site': 'cross-site'}},
      ...{status: 403, code: 'wrong-origin'},
    },
    {
      name: 'our own page',
      target: '/v1/trace',
      ask: {
        ...{as: 'bob', method: 'POST', body: '{"from":"10.1.0.5"}'},
        headers: {host: 'etcd.test', origin: 'https://etcd.test', 'sec-fetch-site': 'same-origin'},
      },
      status: 200,
    },
  ]
  for (const {name, target, ask: asked, status, code} of cases) {
    it(name, async () => {
      const got = await ask(target, asked)
      assert.equal(got.status, status, JSON.stringify(got.body))
      if (code !== undefined) assert.equal(got.body.error?.code, code)
      assert.deepEqual(drained, status === 200 && target === '/v1/drain' ? [true] : [])
    })
  }

  it('a token from the socket is a session for a viewer, until the logout', async () => {
    const cookie = await logIn()
    const headers = {cookie}
    assert.equal((await ask('/v1/status', {headers})).status, 200)
    const who = await ask('/v1/login', {headers})
    assert.deepEqual([who.body.via, who.body.role], ['session', 'viewer'])
    const refused = await ask('/v1/drain', {method: 'POST', headers})
    assert.deepEqual([refused.status, refused.body.error?.code, drained], [403, 'not-allowed', []])
    assert.equal((await ask('/v1/logout', {method: 'POST', headers})).status, 200)
    assert.equal((await ask('/v1/status', {headers})).status, 401)
  })

  it('a login that another page has asked for is none', async () => {
    const made = await createApiClient(issued.at('api.sock')).loginToken(5)
    assert.ok(made.ok)
    const body = JSON.stringify({token: made.value.token})
    const foreign = await ask('/v1/login', {method: 'POST', body, headers: {origin: 'https://evil.example'}})
    assert.deepEqual([foreign.status, foreign.headers['set-cookie']], [403, undefined])
    assert.equal((await ask('/v1/login', {method: 'POST', body})).status, 200)
    assert.equal((await ask('/v1/login', {method: 'POST', body})).body.error?.code, 'login-refused')
  })

  it('a session watches, and stops when it ends', async () => {
    const cookie = await logIn()
    const reader = await readEvents({...optionsOf({headers: {cookie}}), path: '/v1/events'}, request)
    const {data} = await reader.next(({event}) => event === 'status')
    assert.deepEqual(JSON.parse(data), STATUS)
    reader.close()
  })

  it('who is taken out of the configuration is out at once, on the same connection', async () => {
    assert.equal((await ask('/v1/status', {as: 'bob'})).status, 200)
    const port = api.tlsPort()
    await api.listenOn({...listen, clients: []})
    assert.equal(api.tlsPort(), port, 'nothing was closed')
    assert.equal((await ask('/v1/status', {as: 'bob'})).status, 401)
  })

  it('moves to another place, and goes when it is not wanted', async () => {
    const before = api.tlsPort()
    await api.listenOn({...listen, clientCa: null})
    assert.notEqual(api.tlsPort(), before)
    assert.equal((await ask('/healthz')).status, 200)
    await api.listenOn(null)
    assert.deepEqual([api.tlsPort(), api.tlsProblem()], [null, null])
    const made = await createApiClient(issued.at('api.sock')).loginToken(5)
    assert.ok(!made.ok && made.code === 'no-listener')
  })

  it('a port that is taken, or a key that is missing, is told, and the socket goes on', async () => {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    const address = squatter.address()
    assert.ok(address !== null && typeof address === 'object')
    await api.listenOn({...listen, port: address.port})
    assert.match(api.tlsProblem() ?? '', /EADDRINUSE/)
    await new Promise((resolve) => squatter.close(resolve))
    await api.listenOn({...listen, key: '/nowhere/key.pem'})
    assert.match(api.tlsProblem() ?? '', /ENOENT.*nowhere/)
    assert.ok((await createApiClient(issued.at('api.sock')).status()).ok)
    await api.listenOn(listen)
    assert.equal(api.tlsProblem(), null)
    assert.equal((await ask('/healthz')).status, 200)
  })

  it('a renewed certificate is taken without a restart, a damaged one is not', async () => {
    for (const end of ['pem', 'key']) copyFileSync(issued.at(`server.${end}`), issued.at(`moving.${end}`))
    await api.listenOn({...listen, cert: issued.at('moving.pem'), key: issued.at('moving.key')})
    const serial = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const outgoing = request({...optionsOf({}), path: '/healthz'}, (incoming) => {
          resolve((incoming.socket as TLSSocket).getPeerCertificate().serialNumber)
          incoming.resume()
        })
        outgoing.on('error', reject).end()
      })
    const before = await serial()
    await issued.make('moving', {issuer: 'ca', ...SERVER})
    await api.listenOn(listen)
    await api.listenOn({...listen, cert: issued.at('moving.pem'), key: issued.at('moving.key')})
    const renewed = await serial()
    assert.notEqual(renewed, before)
    await issued.make('moving', {issuer: 'ca', ...SERVER})
    await api.rereadCertificates()
    const again = await serial()
    assert.notEqual(again, renewed)
    writeFileSync(issued.at('moving.pem'), 'nonsense')
    await api.rereadCertificates()
    assert.match(api.tlsProblem() ?? '', /still with the certificate of before/)
    assert.equal(await serial(), again)
  })

  for (const keepAlive of [true, false]) {
    const how = keepAlive ? 'on a connection that is open' : 'by the session of a connection before'
    it(`an authority that is another in its file lets nobody in whom the one before signed, ${how}`, async () => {
      copyFileSync(issued.at('ca.pem'), issued.at('clients.pem'))
      await api.listenOn({...listen, clientCa: issued.at('clients.pem')})
      const agent = new Agent({keepAlive, maxSockets: 1})
      const role = (): Promise<unknown> =>
        new Promise((resolve, reject) => {
          const options = {...optionsOf({as: 'alice'}), agent, path: '/v1/login'}
          const outgoing = request(options, (incoming) => {
            incoming.setEncoding('utf8').on('data', (text: string) => resolve(JSON.parse(text).role))
          })
          outgoing.on('error', reject).end()
        })
      try {
        assert.equal(await role(), 'admin')
        copyFileSync(issued.at('other-ca.pem'), issued.at('clients.pem'))
        assert.equal(await role(), 'admin')
        await api.rereadCertificates()
        // The connection that it knew is gone.
        assert.equal(await role().catch(role), null)
      } finally {
        agent.destroy()
      }
    })
  }

  it('nothing older than TLS 1.3, and no clear text', async () => {
    const old = {...optionsOf({}), path: '/healthz', maxVersion: 'TLSv1.2' as const}
    await assert.rejects(
      new Promise((resolve, reject) => request(old, resolve).on('error', reject).end()),
      /protocol version|EPROTO/,
    )
  })
})

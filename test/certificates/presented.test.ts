import assert from 'node:assert/strict'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import {createServer as createHttp2, createSecureServer} from 'node:http2'
import {createServer as createTcp, type Server} from 'node:net'
import {callServer, readTlsFiles} from '../../src/certificates/index.ts'
import {judgePresented} from '../../src/diagnose/index.ts'
import {type Issued, issuedFolder, SERVER} from '../support/issued.ts'

/** Which server stands there, which files the client has, and what is told of it. */
interface Case {
  readonly name: string
  readonly server?: string
  readonly sends?: readonly string[]
  readonly ca?: string
  readonly client?: string | null
  readonly host?: string
  readonly stage: string
  readonly told: RegExp | null
}

describe('callServer and what is told of it', () => {
  let issued: Issued
  let server: Server | null = null
  const at = (file: string): string => issued.at(file)
  const read = (name: string): string => readFileSync(at(name), 'utf8')

  before(async () => {
    issued = issuedFolder()
    await issued.make('ca')
    await issued.make('other')
    await issued.make('middle', {issuer: 'ca', authority: true, usages: []})
    for (const name of ['server', 'old-server', 'client-only']) {
      await issued.make(name, {...SERVER, issuer: 'ca', ...(name === 'client-only' ? {usages: ['clientAuth']} : {})})
    }
    await issued.make('short-server', {...SERVER, issuer: 'ca', days: 5})
    await issued.make('middle-server', {...SERVER, issuer: 'middle'})
    for (const name of ['gateway', 'old-gateway']) await issued.make(name, {issuer: 'ca'})
    await issued.make('stranger', {issuer: 'other'})
    await issued.make('server-only', {issuer: 'ca', usages: ['serverAuth']})
    issued.expire('old-server', 'ca')
    issued.expire('old-gateway', 'ca')
  })
  after(() => issued.remove())
  afterEach(async () => {
    server?.close()
    server = null
  })

  const listen = async (made: Server): Promise<number> => {
    server = made.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(address !== null && typeof address !== 'string')
    return address.port
  }
  const secure = (name: string, sends: readonly string[]): Server => {
    const made = createSecureServer({
      cert: [
        read(`${name}.pem`).split(/(?<=-----END CERTIFICATE-----\n)/)[0]!,
        ...sends.map((one) => read(`${one}.pem`)),
      ].join(''),
      key: read(`${name}.key`),
      ca: read('ca.pem'),
      requestCert: true,
      rejectUnauthorized: true,
    })
    made.on('error', () => undefined).on('sessionError', () => undefined)
    return made
  }
  const call = async (endpoint: string, ca: string, client: string | null): Promise<[string, string]> => {
    const tls = {ca: at(`${ca}.pem`), cert: client && at(`${client}.pem`), key: client && at(`${client}.key`)}
    const presented = await callServer(endpoint, tls, {stepMs: 5000})
    const findings = judgePresented('export b', presented, await readTlsFiles(tls), Date.now())
    return [presented.stage, findings.map(({code, detail}) => `${code}: ${detail}`).join('\n')]
  }

  const cases: Case[] = [
    {name: 'all is well', stage: 'accepted', told: null},
    {
      name: 'soon to end',
      server: 'short-server',
      stage: 'accepted',
      told: /^certificate-expiring: the server's .* expires in 4 d/,
    },
    {
      name: 'server expired',
      server: 'old-server',
      stage: 'certificate',
      told: /^certificate-expired: the server's certificate O=test expired on 20/,
    },
    {
      name: 'another authority',
      ca: 'other',
      stage: 'certificate',
      told: /^certificate-untrusted: .*signed by O=test, CN=ca, which it does not send and .*other\.pem does not have \(it has O=test, CN=other\)/,
    },
    {
      name: 'an intermediate authority that the server does not send',
      server: 'middle-server',
      stage: 'certificate',
      told: /^certificate-untrusted: .*signed by O=test, CN=middle, which it does not send and .*ca\.pem does not have/,
    },
    {
      name: 'an intermediate authority that it sends',
      server: 'middle-server',
      sends: ['middle'],
      stage: 'accepted',
      told: null,
    },
    {
      name: 'another name',
      host: 'localhost',
      stage: 'certificate',
      told: /^certificate-host: .* is for 127\.0\.0\.1, etcd\.test, not for localhost/,
    },
    {
      name: 'not for servers',
      server: 'client-only',
      stage: 'certificate',
      told: /^certificate-usage: .*is for clientAuth, not for servers/,
    },
    {
      name: 'no client certificate',
      client: null,
      stage: 'client',
      told: /^certificate-refused: it wants a client certificate/,
    },
    {
      name: 'client expired',
      client: 'old-gateway',
      stage: 'client',
      told: /^certificate-refused: .*CN=old-gateway \(\S+\), which expired on 20/,
    },
    {
      name: 'client of another authority',
      client: 'stranger',
      stage: 'client',
      told: /^certificate-refused: .*CN=stranger .*signed by O=test, CN=other and not by/,
    },
    {
      name: 'not for clients',
      client: 'server-only',
      stage: 'client',
      told: /^certificate-refused: .*CN=server-only .*not for clients/,
    },
  ]
  for (const {
    name,
    server: serves = 'server',
    sends = [],
    ca = 'ca',
    client = 'gateway',
    host = '127.0.0.1',
    ...want
  } of cases) {
    it(name, async () => {
      const port = await listen(secure(serves, sends))
      const [stage, told] = await call(`https://${host}:${port}`, ca, client)
      assert.equal(stage, want.stage, told)
      if (want.told) assert.match(told, want.told)
      else assert.equal(told, '')
    })
  }

  it('clear text, nobody there, a name that is none', async () => {
    const clear = await listen(createHttp2())
    assert.match(
      (await call(`https://127.0.0.1:${clear}`, 'ca', 'gateway')).join(' '),
      /^tls etcd-unreachable: it does not speak TLS$/,
    )
    server?.close()
    assert.match(
      (await call('https://127.0.0.1:1', 'ca', 'gateway')).join(' '),
      /^tcp etcd-unreachable: no connection: .*ECONNREFUSED/,
    )
    assert.match(
      (await call('https://no.such.host.invalid:1', 'ca', 'gateway')).join(' '),
      /^name etcd-unreachable: its name is not known/,
    )
  })

  it('a server that says nothing is given up', async () => {
    const port = await listen(createTcp(() => undefined))
    const tls = {ca: at('ca.pem'), cert: null, key: null}
    const {stage, fault} = await callServer(`https://127.0.0.1:${port}`, tls, {stepMs: 100})
    assert.deepEqual([stage, fault?.code], ['tls', 'ETIMEDOUT'])
  })
})

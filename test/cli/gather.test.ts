import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {generateKeyPairSync, randomBytes} from 'node:crypto'
import {chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {packBundle} from '../../src/cli/gather/bundle.ts'
import {fakeView, STATUS} from '../support/fake-view.ts'
import {cli} from '../support/run-cli.ts'

const wireguardKey = (): string => randomBytes(32).toString('base64')
const pem = (): string =>
  generateKeyPairSync('ec', {namedCurve: 'P-256'}).privateKey.export({type: 'pkcs8', format: 'pem'}) as string

/** What this machine keeps for itself, one of each kind that there is. */
const SECRETS = {
  tlsKey: pem(),
  remoteKey: pem(),
  wireguard: wireguardKey(),
  etcdPassword: 'pa"ss wörd\\1',
  remotePassword: 'remote-p4ss/&?',
  md5: 'md5-of-wan1!x',
  /** In BIRD's file alone, in a configuration that is not read here. */
  birdOnly: 'md5-of-another',
} as const
/** By its shape only: nobody here knows it. */
const TOKENS = ['eyJhbGciOiJSUzI1NiJ9.eyJ1c2VyIjoicm9vdCJ9.c2lnbmF0dXJl', 'tok-4711-abcdef']

const linesOf = (secret: string): string[] =>
  secret.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
const PLANTED = Object.values(SECRETS).flatMap((secret) => (secret.startsWith('-----') ? linesOf(secret) : [secret]))

/** All of them, in the ways in which programs say such things, and in ways in which none should. */
const everything = (): string =>
  [
    ...Object.values(SECRETS).flatMap((secret) => [
      secret,
      `said: ${secret} so`,
      JSON.stringify({secret}),
      encodeURIComponent(secret),
    ]),
    ...Object.values(SECRETS).map((secret) => Buffer.from(secret).toString('base64')),
    `Authorization: Bearer ${TOKENS[0]}`,
    `token: ${TOKENS[1]}`,
    `got ${TOKENS[0]} back`,
  ].join('\n')

describe('isthmus gather', () => {
  let folder: string
  let api: RunningApi | null = null
  const at = (name: string): string => join(folder, name)
  const {PATH} = process.env

  const program = (name: string, text: string): void => {
    writeFileSync(at(`bin/${name}.said`), text)
    writeFileSync(at(`bin/${name}`), `#!/bin/sh\nexec /bin/cat ${at(`bin/${name}.said`)}\n`)
    chmodSync(at(`bin/${name}`), 0o755)
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-gather-'))
    for (const name of ['bin', 'state/keys', 'run', 'out']) mkdirSync(at(name), {recursive: true})
    writeFileSync(at('tls.key'), SECRETS.tlsKey)
    writeFileSync(at('b.key'), SECRETS.remoteKey)
    writeFileSync(at('etcd.password'), `${SECRETS.etcdPassword}\n`)
    writeFileSync(at('b.password'), SECRETS.remotePassword)
    writeFileSync(at('wan1.key'), `${SECRETS.md5}\n`)
    writeFileSync(at('state/keys/x.key'), `${SECRETS.wireguard}\n`)
    writeFileSync(at('bird.conf'), `protocol bgp x {\n  password "${SECRETS.birdOnly}";\n}\n# ${everything()}\n`)
    writeFileSync(at('run/isthmus.log'), everything())
    const yaml = `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}]
owns: [10.1.0.0/16]
datastores:
  - {name: main, kind: isthmus, endpoints: ["https://127.0.0.1:1"], tls: {ca: ${at('ca.pem')}, cert: ${at('tls.pem')}, key: ${at('tls.key')}}, user: {name: x, password: {file: ${at('etcd.password')}}}, export: {}}
sites: {b: {owns: [10.2.0.0/16], endpoints: ["https://127.0.0.1:1"], tls: {ca: ${at('ca.pem')}, cert: ${at('b.pem')}, key: ${at('b.key')}}, user: {name: y, password: {file: ${at('b.password')}}}}}
authorities: [a]
peers: [{name: wan1, address: 198.51.100.1, as: 64900, password: {file: ${at('wan1.key')}}}]
paths: {state: ${at('state')}, run: ${at('run')}, birdConfig: ${at('bird.conf')}, birdSocket: ${at('bird.ctl')}}
`
    // Somebody has written a secret where none belongs.
    writeFileSync(at('gateway.yaml'), `${yaml}# ${everything().replaceAll('\n', '\n# ')}\n`)
    for (const name of ['birdc', 'nft', 'ip', 'ss', 'tc', 'journalctl', 'uname', 'lsmod', 'fping'])
      program(name, everything())
    const findings: GatewayView['status'] = () => ({
      ...STATUS,
      findings: [{code: 'bird-refused', severity: 'error', where: {source: 'bird'}, detail: everything()}],
    })
    const metrics: GatewayView['metrics'] = async () => ({contentType: 'text/plain', text: everything()})
    api = await startApi({
      ...{view: fakeView({status: findings, metrics}), socketPath: at('run/api.sock'), metrics: null},
      onError: assert.fail,
    })
    process.env.PATH = `${at('bin')}:${PATH}`
  })
  after(async () => {
    process.env.PATH = PATH
    await api?.close()
    rmSync(folder, {recursive: true, force: true})
  })

  it('packs all that there is, for its owner only, and no secret in any byte of it', async function () {
    this.timeout(30_000)
    const file = at('bundle.tar.gz')
    const answer = await cli(['gather', '--config', at('gateway.yaml'), '-o', file], at('run/api.sock'), Date.now())
    assert.equal(answer.status, 0, answer.err)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    execFileSync('tar', ['-xzf', file, '-C', at('out'), '-p'])
    const files = readdirSync(at('out'), {recursive: true, encoding: 'utf8'}).filter((name) =>
      statSync(join(at('out'), name)).isFile(),
    )
    for (const name of [
      'manifest.json',
      'diagnose.json',
      'gateway/status.json',
      'gateway/get-endpoints.json',
      'gateway/metrics.txt',
      'config/gateway.yaml',
      'bird/bird.conf',
      'bird/show-protocols-all.txt',
      'nft/ruleset.txt',
      'ip/link.txt',
      'sysctl.txt',
      'versions.txt',
      // Of the package's units each, and of the one that a pair in a cloud has.
      ...[...readdirSync(join(import.meta.dirname, '../../appliance/systemd')), 'isthmus-watch-routes.service'].flatMap(
        (unit) => (unit.endsWith('.service') ? [`journal/${unit.replace(/@?\.service$/, '')}.txt`] : []),
      ),
      'log/1.txt',
      'state.txt',
    ])
      assert.ok(files.includes(name), `${name} in ${files.join(' ')}\n${answer.err}`)
    for (const name of files) {
      assert.equal(statSync(join(at('out'), name)).mode & 0o777, 0o600, name)
      const bytes = readFileSync(join(at('out'), name))
      for (const secret of [...PLANTED, ...TOKENS]) {
        for (const spelling of [
          secret,
          JSON.stringify(secret).slice(1, -1),
          encodeURIComponent(secret),
          Buffer.from(secret).toString('base64').slice(0, -2),
        ])
          assert.ok(!bytes.includes(spelling), `${JSON.stringify(spelling)} is in ${name}`)
      }
    }
    // What is no secret is still there to be read.
    assert.match(readFileSync(join(at('out'), 'config/gateway.yaml'), 'utf8'), /address: 198\.51\.100\.1, as: 64900/)
    assert.match(readFileSync(join(at('out'), 'bird/bird.conf'), 'utf8'), /protocol bgp x/)
  })

  it('does not write over a file', async () => {
    const file = at('there.tar.gz')
    writeFileSync(file, 'mine')
    const {status, err} = await cli(
      ['gather', '--config', at('gateway.yaml'), '-o', file],
      at('run/api.sock'),
      Date.now(),
    )
    assert.equal(status, 1)
    assert.match(err, /there\.tar\.gz cannot be written: EEXIST.*\n-o names another file/)
    assert.equal(readFileSync(file, 'utf8'), 'mine')
  }).timeout(30_000)
})

describe('packBundle', () => {
  const item = (name: string, text: string, keep?: 'end') => ({name, read: async () => text, ...(keep ? {keep} : {})})
  const unpack = (bytes: Buffer): Map<string, string> => {
    const folder = mkdtempSync(join(tmpdir(), 'isthmus-bundle-'))
    try {
      execFileSync('tar', ['-xz', '-C', folder], {input: bytes})
      return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
    } finally {
      rmSync(folder, {recursive: true})
    }
  }

  it('is bounded, keeps the end of logs, and says what was cut and what is missing', async () => {
    const items = [
      item('a', 'x'.repeat(100)),
      item('b', `${'y'.repeat(100)}end`, 'end'),
      item('c', 'z'.repeat(100)),
      {name: 'd', read: async () => Promise.reject(new Error('no such thing'))},
    ]
    const {bytes, missing} = await packBundle(items, [], {seconds: 0, bounds: {mostBytes: 60, mostInAll: 130}})
    const files = unpack(bytes)
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => files.get(name)?.length),
      [60, 60, 10],
    )
    assert.match(files.get('b') ?? '', /end$/)
    assert.deepEqual(missing, [{name: 'd', why: 'd: no such thing'}])
    const {cut} = JSON.parse(files.get('manifest.json') ?? '') as {cut: string[]}
    assert.deepEqual(cut, ['a: 60 of 100 bytes', 'b: 60 of 103 bytes', 'c: 10 of 100 bytes'])
  })

  it('no cut leaves half of a secret', async () => {
    const {bytes} = await packBundle([item('a', `${'x'.repeat(55)}hunter22-hunter22`)], ['hunter22-hunter22'], {
      ...{seconds: 0, bounds: {mostBytes: 60, mostInAll: 60}},
    })
    assert.ok(!unpack(bytes).get('a')?.includes('hunt'))
  })
})

import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {createServer, type Server, type Socket} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {CHECKS} from '../../src/diagnose/index.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {cli} from '../support/run-cli.ts'

describe('isthmus diagnose, as a command', () => {
  let folder: string
  let silent: Server
  const taken: Socket[] = []
  let port: number
  const at = (name: string): string => join(folder, name)
  const diagnose = (...args: string[]) =>
    cli(['diagnose', '--config', at('gateway.yaml'), ...args], at('nobody.sock'), Date.now())

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-diagnose-'))
    // Takes every connection and never says a word.
    silent = createServer((socket) => taken.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    port = typeof address === 'object' && address ? address.port : 0
    writeFileSync(at('gateway.yaml'), gatewayYaml([`http://127.0.0.1:${port}`]))
  })
  after(() => {
    silent.close()
    for (const socket of taken) socket.destroy()
    rmSync(folder, {recursive: true})
  })

  it('--list has every check once, and so has JSON', async () => {
    const {status, out} = await diagnose('--list')
    assert.equal(status, 0)
    const codes = out
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(' ')[0])
    assert.deepEqual(
      codes.toSorted(),
      [...CHECKS.map(({code}) => code), 'config', 'certificates', 'datastores', 'gateway'].sort(),
    )
    const rows = JSON.parse((await diagnose('--list', '-o', 'json')).out) as {code: string}[]
    assert.deepEqual(
      rows.map(({code}) => code),
      codes,
    )
  })

  it('--only makes those, and an unknown one is wrong usage that names the nearest', async () => {
    const {out} = await diagnose('--only', 'memory-low,disk-nearly-full', '-o', 'json')
    const {checks} = JSON.parse(out) as {checks: {check: string}[]}
    assert.deepEqual(
      checks.map(({check}) => check),
      ['memory-low', 'disk-nearly-full'],
    )
    const unknown = await diagnose('--only', 'memory')
    assert.deepEqual([unknown.status, unknown.out], [2, ''])
    assert.match(unknown.err, /no check 'memory'; did you mean memory-low\?/)
  })

  it('without a gateway, and with an etcd that never answers: within its time, status 3, and the rest is looked at', async () => {
    const beganMs = performance.now()
    const {status, out} = await diagnose('-o', 'json')
    assert.ok(performance.now() - beganMs < 10_000)
    assert.equal(status, 3)
    const {checks} = JSON.parse(out) as {
      checks: {check: string; unreachable: string | null; findings: {code: string}[]}[]
    }
    const of = (name: string) => checks.find(({check}) => check === name)
    assert.deepEqual(of('gateway-unreachable')?.findings.length, 1)
    assert.match(of('gateway')?.unreachable ?? '', /nobody\.sock/)
    assert.deepEqual([of('memory-low')?.unreachable, of('memory-low')?.findings], [null, []])
    const walked = of('datastores')
    assert.ok(
      walked?.unreachable?.includes('no answer within') ||
        walked?.findings.some(({code}) => code === 'etcd-unreachable'),
    )
  }).timeout(20_000)
})

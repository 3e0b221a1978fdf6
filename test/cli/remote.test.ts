import assert from 'node:assert/strict'
import {dirname, join} from 'node:path'
import {type ContractServer, contractServer, scriptedView} from '../support/contract-server.ts'
import {cli} from '../support/run-cli.ts'

describe('command line, with a gateway elsewhere', () => {
  let server: ContractServer
  let url: string
  const file = (name: string): string => join(dirname(server.socketPath), name)
  const as = (name: string): string[] => ['--cert', file(`${name}.pem`), '--key', file(`${name}.key`)]
  const remote = (name: string | null, ...args: string[]) =>
    cli(['--url', url, '--ca', file('ca.pem'), ...(name === null ? [] : as(name)), ...args])

  before(async () => {
    server = await contractServer(scriptedView())
    url = `https://127.0.0.1:${server.api.tlsPort()}`
  })
  after(() => server.stop())

  it('shows what the socket shows', async () => {
    const [far, near] = [await remote('viewer', 'status'), await cli(['status'], server.socketPath)]
    assert.deepEqual(far, near)
    assert.equal(
      (await remote('viewer', 'get', 'tunnels', '-o', 'name')).out,
      'tunnels/wan b/b1/wan 0\ntunnels/wan c/c1/wan 0\n',
    )
  })

  it('a watch is told by events over TLS too, and nobody asks in between', async () => {
    const end = new AbortController()
    let slept = 0
    const out = (text: string): void => {
      if (text.includes('wan c/c1')) setTimeout(() => end.abort(), 200)
    }
    const clock = {nowMs: Date.now, sleep: async () => void slept++}
    const args = ['--url', url, '--ca', file('ca.pem'), ...as('viewer'), 'get', 'tunnels', '-w']
    const {status, err} = await cli(args, undefined, undefined, {out, until: end.signal, clock})
    assert.deepEqual([status, err, slept], [0, '', 0])
  })

  it('changes as an admin, and not as a viewer', async () => {
    assert.deepEqual(await remote('admin', 'drain'), {status: 0, out: 'not draining\n', err: ''})
    const {status, err} = await remote('viewer', 'drain')
    assert.equal(status, 1)
    assert.match(
      err,
      /^certificate CN=viewer \w+ is a viewer; POST \/v1\/drain needs a client certificate of role admin/,
    )
  })

  it('without a certificate is told how to get in', async () => {
    const {status, err} = await remote(null, 'status')
    assert.deepEqual([status, /needs a login: a client certificate that `api.clients` names/.test(err)], [1, true])
  })

  it('who cannot be reached or believed is named, with what to look at', async () => {
    const unknown = await cli(['--url', url, 'status'])
    assert.equal(unknown.status, 3)
    assert.match(unknown.err, /^no gateway answers at https:\/\/127.*certificate.*\n--ca names the authority/)
    const missing = await cli(['--url', url, '--ca', '/nowhere.pem', 'status'])
    assert.match(missing.err, /ENOENT.*nowhere\.pem/)
    const nobody = await cli(['--url', 'https://127.0.0.1:1', 'status'])
    assert.deepEqual([nobody.status, /ECONNREFUSED/.test(nobody.err)], [3, true])
  })

  const wrong: readonly [args: string[], about: RegExp][] = [
    [['--url', 'http://127.0.0.1:1', 'status'], /is not https:\/\/HOST:PORT/],
    [['--url', 'https://u:p@host', 'status'], /is not https:\/\/HOST:PORT/],
    [['--url', 'https://host', '--cert', '/a', 'status'], /a certificate is --cert and --key/],
    [['--ca', '/a', 'status'], /--ca goes with --url/],
  ]
  for (const [args, about] of wrong) {
    it(`${args.join(' ')} is wrong usage`, async () => {
      const {status, err} = await cli(args)
      assert.equal(status, 2)
      assert.match(err, about)
    })
  }
})

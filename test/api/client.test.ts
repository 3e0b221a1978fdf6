import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {createServer, type Server} from 'node:http'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {createApiClient} from '../../src/api/client.ts'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import {ENDPOINT, fakeView, STATUS} from '../support/fake-view.ts'

describe('API client', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi | null = null

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-client-'))
    socketPath = path.join(folder, 'api.sock')
  })
  afterEach(async () => {
    await api?.close()
    api = null
    await rm(folder, {recursive: true})
  })

  it('reads status, objects and traces', async () => {
    api = await startApi({view: fakeView(), socketPath, metrics: null, onError: assert.fail})
    const client = createApiClient(socketPath)
    assert.deepEqual(await client.status(), {ok: true, value: STATUS})
    assert.deepEqual(await client.get('endpoints', '10.1.0.5', {limit: 1}), {
      ok: true,
      value: {kind: 'endpoints', items: [ENDPOINT], more: false, next: null},
    })
    assert.deepEqual(await client.get('gateways', 'b/b1').then((answer) => answer.ok), true)
    assert.deepEqual(
      await client.trace({from: '10.1.0.5'}).then((answer) => answer.ok && answer.value.from),
      '10.1.0.5',
    )
    assert.deepEqual(await client.get('tunnels', 'nowhere'), {
      ok: false,
      code: 'not-found',
      message: 'no tunnels named nowhere',
      findings: [],
    })
  })

  it('a name with spaces and slashes arrives whole', async () => {
    api = await startApi({view: fakeView(), socketPath, metrics: null, onError: assert.fail})
    const answer = await createApiClient(socketPath).get('tunnels', 'wan b/b1/wan 0')
    assert.ok(answer.ok && answer.value.items.length === 1)
  })

  it('a change of the configuration has more time than a question: the gateway begins anew for it', async () => {
    const server = createServer((request, response) => {
      request.resume()
      setTimeout(() => response.end('{}'), 300)
    })
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    const client = createApiClient(socketPath, 100)
    const asked = {
      apply: client.applyConfig('version: 1\n', null),
      confirm: client.confirmConfig(),
      rollback: client.rollbackConfig(null),
      reload: client.reload(),
      status: client.status(),
    }
    const answers = await Promise.all(Object.entries(asked).map(async ([name, answer]) => [name, (await answer).ok]))
    assert.deepEqual(Object.fromEntries(answers), {
      ...{apply: true, confirm: true, rollback: true, reload: true},
      status: false,
    })
    await new Promise((resolve) => server.close(resolve))
  })

  it('nobody there is an answer, not an exception', async () => {
    const answer = await createApiClient(socketPath).status()
    assert.ok(!answer.ok)
    assert.equal(answer.code, 'unreachable')
    assert.match(answer.message, /ENOENT/)
  })

  const strangers: {name: string; listen: (server: Server) => void; message: RegExp}[] = [
    {
      name: 'somebody else behind the socket',
      listen: (server) => server.on('request', (_, response) => response.writeHead(502).end('<html>')),
      message: /status 502, and no JSON/,
    },
    {
      name: 'JSON that is no error of ours',
      listen: (server) => server.on('request', (_, response) => response.writeHead(404).end('{}')),
      message: /status 404/,
    },
    {
      name: 'a connection that is cut',
      listen: (server) => server.on('request', (incoming) => incoming.socket.destroy()),
      message: /hang up|ECONNRESET/,
    },
    {name: 'no answer at all', listen: (server) => server.on('request', () => undefined), message: /no answer in time/},
  ]
  for (const {name, listen, message} of strangers) {
    it(`${name} is unreachable`, async () => {
      const server = createServer()
      listen(server)
      await new Promise<void>((resolve) => server.listen(socketPath, resolve))
      const answer = await createApiClient(socketPath, 100).status()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      assert.ok(!answer.ok)
      assert.equal(answer.code, 'unreachable')
      assert.match(answer.message, message)
    })
  }
})

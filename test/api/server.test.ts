import assert from 'node:assert/strict'
import {mkdtemp, rm, stat, writeFile} from 'node:fs/promises'
import {request} from 'node:http'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {createApiClient} from '../../src/api/client.ts'
import {type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {ENDPOINT, fakeView, STATUS} from '../support/fake-view.ts'

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

describe('API', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi | null
  let faults: string[]

  const start = async (parts: Partial<GatewayView> = {}): Promise<void> => {
    const metrics = {address: parseAddress('127.0.0.1')!, port: 0}
    const onError = (error: unknown, what: string): number => faults.push(`${what}: ${error}`)
    api = await startApi({view: fakeView(parts), socketPath, metrics, onError})
  }
  const ask = (method: string, target: string, body?: string, tcp = false): Promise<Got> =>
    new Promise((resolve, reject) => {
      const where = tcp ? {host: '127.0.0.1', port: api?.metricsPort()} : {socketPath}
      const outgoing = request({...where, method, path: target}, (incoming) => {
        let text = ''
        incoming.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        incoming.on('end', () => resolve({status: incoming.statusCode ?? 0, headers: incoming.headers, text}))
      })
      outgoing.on('error', reject).end(body)
    })

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-api-'))
    socketPath = path.join(folder, 'run', 'api.sock')
    api = null
    faults = []
  })
  afterEach(async () => {
    await api?.close()
    await rm(folder, {recursive: true})
  })

  const cases: {
    name: string
    ask: [string, string, string?]
    status: number
    body: unknown
  }[] = [
    {name: 'status is the whole status', ask: ['GET', '/v1/status'], status: 200, body: STATUS},
    {
      name: 'get lists a kind',
      ask: ['GET', '/v1/get/endpoints'],
      status: 200,
      body: {kind: 'endpoints', items: [ENDPOINT], more: false, next: null},
    },
    {
      name: 'get finds a name that holds slashes',
      ask: ['GET', '/v1/get/gateways/b/b1'],
      status: 200,
      body: {
        kind: 'gateways',
        items: [{name: 'b/b1', site: 'b', local: false, uplinks: ['wan'], alive: null, leader: false}],
        more: false,
        next: null,
      },
    },
    {
      name: 'get takes the limit and says that there is more',
      ask: ['GET', '/v1/get/tunnels?limit=1'],
      status: 200,
      body: {kind: 'tunnels', items: [STATUS.tunnels[0]], more: true, next: 'CURSOR'},
    },
    {
      name: 'limit 0 is all',
      ask: ['GET', '/v1/get/tunnels?limit=0'],
      status: 200,
      body: {kind: 'tunnels', items: STATUS.tunnels, more: false, next: null},
    },
    {
      name: 'an empty kind is an empty list',
      ask: ['GET', '/v1/get/nodes'],
      status: 200,
      body: {kind: 'nodes', items: [], more: false, next: null},
    },
    {
      name: 'an unknown name',
      ask: ['GET', '/v1/get/tunnels/nowhere'],
      status: 404,
      body: {error: {code: 'not-found', message: 'no tunnels named nowhere', field: 'path.name'}},
    },
    {
      name: 'an unknown kind names those that there are',
      ask: ['GET', '/v1/get/toString'],
      status: 404,
      body: {
        error: {
          code: 'unknown-kind',
          message:
            'no kind "toString"; there is tunnels, sessions, peers, routes, datastores, sites, gateways, endpoints, policies, tiers, findings, conflicts, nodes, classes, writebacks',
          field: 'path.kind',
        },
      },
    },
    {
      name: 'a limit that is no number',
      ask: ['GET', '/v1/get/tunnels?limit=x'],
      status: 400,
      body: {error: {code: 'bad-request', message: 'query.limit: must be a whole number', field: 'query.limit'}},
    },
    {
      name: 'a path that is not encoded',
      ask: ['GET', '/v1/get/%zz'],
      status: 400,
      body: {error: {code: 'bad-request', message: 'path: not well encoded', field: 'path'}},
    },
    {
      name: 'a parameter that is not known',
      ask: ['GET', '/v1/get/tunnels?limt=3'],
      status: 400,
      body: {
        error: {
          code: 'bad-request',
          message: 'query.limt: not known; there is limit, cursor, selector, text',
          field: 'query.limt',
        },
      },
    },
    {
      name: 'a parameter given twice',
      ask: ['GET', '/v1/get/tunnels?limit=3&limit=4'],
      status: 400,
      body: {error: {code: 'bad-request', message: 'query.limit: given twice', field: 'query.limit'}},
    },
    {
      name: 'a body where there is none',
      ask: ['POST', '/v1/drain', '{"on":true}'],
      status: 400,
      body: {error: {code: 'bad-request', message: 'body: this request takes none', field: 'body'}},
    },
    {
      name: 'trace answers a flow',
      ask: ['POST', '/v1/trace', '{"from":"10.1.0.5"}'],
      status: 200,
      body: {verdict: 'allow', reason: 'default', from: '10.1.0.5'},
    },
    {
      name: 'trace says what is wrong with a flow',
      ask: ['POST', '/v1/trace', '{}'],
      status: 400,
      body: {error: {code: 'bad-request', message: 'from: missing', field: 'body.from'}},
    },
    {name: 'reload', ask: ['POST', '/v1/reload'], status: 200, body: {findings: []}},
    {name: 'drain', ask: ['POST', '/v1/drain'], status: 200, body: {drainingSince: null}},
    {name: 'undrain', ask: ['POST', '/v1/undrain'], status: 200, body: {drainingSince: null}},
    {name: 'health', ask: ['GET', '/healthz'], status: 200, body: {ok: true, ready: true}},
    {name: 'readiness', ask: ['GET', '/readyz'], status: 200, body: {ready: true, waitingFor: null}},
  ]
  for (const {name, ask: question, status, body} of cases) {
    it(name, async () => {
      await start()
      const got = await ask(...question)
      assert.equal(got.headers['content-type'], 'application/json; charset=utf-8')
      assert.deepEqual(JSON.parse(got.text.replace(/"next":"[\w-]{16}"/, '"next":"CURSOR"')), body)
      assert.equal(got.status, status)
      assert.deepEqual(faults, [])
    })
  }

  it('a flow that is not JSON is refused in the words of the parser', async () => {
    await start()
    const got = await ask('POST', '/v1/trace', '{')
    assert.equal(got.status, 400)
    assert.match(got.text, /body: not JSON: Expected/)
  })

  it('a body beyond 1 MiB is refused', async () => {
    await start()
    const got = await ask('POST', '/v1/trace', JSON.stringify({from: 'x'.repeat(1_050_000)}))
    assert.equal(got.status, 413)
  })

  for (const target of [
    '//',
    'http://gateway/v1/status',
    '*',
    '/v1/../metrics',
    '/v1/status/',
    '/V1/status',
    '/v1//status',
  ]) {
    it(`${target} is no path, and no harm`, async () => {
      await start()
      for (const tcp of [false, true]) {
        const {status} = await ask('GET', target, undefined, tcp)
        assert.ok(status === 404 || status === 400, String(status))
      }
      assert.equal((await ask('GET', '/healthz')).status, 200)
    })
  }

  it('a wrong method is told the right one', async () => {
    await start()
    const got = await ask('POST', '/v1/status')
    assert.equal(got.status, 405)
    assert.equal(got.headers.allow, 'GET')
  })

  it('HEAD gives the length and no body', async () => {
    await start()
    const got = await ask('HEAD', '/v1/status')
    assert.deepEqual([got.status, got.text], [200, ''])
    assert.equal(Number(got.headers['content-length']), JSON.stringify(STATUS).length + 1)
  })

  it('not ready is 503 at readyz and alive at healthz', async () => {
    await start({status: () => ({...STATUS, ready: false, waitingFor: 'datastore/main'})})
    assert.deepEqual(await ask('GET', '/readyz').then(({status, text}) => [status, JSON.parse(text)]), [
      503,
      {ready: false, waitingFor: 'datastore/main'},
    ])
    assert.equal((await ask('GET', '/healthz')).status, 200)
  })

  it('a refused configuration comes back with its findings', async () => {
    const findings = [{...STATUS.findings[0]!, code: 'config-invalid' as const}]
    await start({reload: async () => ({ok: false, findings})})
    const answer = await createApiClient(socketPath).reload()
    assert.ok(!answer.ok)
    assert.deepEqual([answer.code, answer.findings], ['config-refused', findings])
  })

  it('a fault of the view is told to the log, not to the caller', async () => {
    await start({
      status: () => {
        throw new Error('secret detail')
      },
    })
    const got = await ask('GET', '/v1/status')
    assert.equal(got.status, 500)
    assert.doesNotMatch(got.text, /secret/)
    assert.deepEqual(faults, ['GET /v1/status: Error: secret detail'])
  })

  it('over TCP there are metrics and health, and nothing else', async () => {
    await start()
    const got = await ask('GET', '/metrics', undefined, true)
    assert.deepEqual([got.status, got.text], [200, 'isthmus_up 1\n'])
    assert.equal(got.headers['content-type'], 'text/plain; version=0.0.4')
    assert.equal((await ask('GET', '/healthz', undefined, true)).status, 200)
    for (const [method, target] of [
      ['GET', '/v1/status'],
      ['GET', '/v1/get/endpoints'],
      ['POST', '/v1/reload'],
    ] as const) {
      assert.equal((await ask(method, target, undefined, true)).status, 404, target)
    }
  })

  it('the socket is for owner and group', async () => {
    await start()
    assert.equal((await stat(socketPath)).mode & 0o777, 0o660)
  })

  it('what a killed daemon left behind is taken over', async () => {
    await start()
    await api?.close()
    await writeFile(socketPath, '')
    await start()
    assert.equal((await ask('GET', '/healthz')).status, 200)
  })

  it('a second daemon is refused, and the first goes on', async () => {
    await start()
    const first = api
    await assert.rejects(start(), /another isthmus answers on/)
    api = first
    assert.equal((await ask('GET', '/healthz')).status, 200)
  })

  it('a metrics port that is taken is told, keeps nobody from the socket, and comes when it is free', async () => {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    const address = squatter.address()
    assert.ok(address !== null && typeof address === 'object')
    const metrics = {address: parseAddress('127.0.0.1')!, port: address.port}
    api = await startApi({view: fakeView(), socketPath, metrics, onError: () => undefined})
    assert.match(api.metricsProblem() ?? '', /EADDRINUSE/)
    assert.deepEqual([api.metricsPort(), (await ask('GET', '/healthz')).status], [null, 200])
    await new Promise((resolve) => squatter.close(resolve))
    await api.metricsOn(metrics)
    assert.deepEqual([api.metricsPort(), api.metricsProblem()], [metrics.port, null])
    assert.equal((await ask('GET', '/healthz', undefined, true)).status, 200)
    await api.metricsOn(null)
    assert.deepEqual([api.metricsPort(), api.metricsProblem()], [null, null])
  })

  it('without a metrics address only the socket is there', async () => {
    api = await startApi({view: fakeView(), socketPath, metrics: null, onError: () => undefined})
    assert.equal(api.metricsPort(), null)
    assert.equal((await ask('GET', '/metrics')).status, 200)
  })
})

import assert from 'node:assert/strict'
import type {Audit, GatewayView} from '../../src/api/index.ts'
import {
  type Answered,
  type ApiDocument,
  type Asked,
  answerChecker,
  type ContractServer,
  contractServer,
  documentOf,
  scriptedView,
} from '../support/contract-server.ts'

/** What else than its name an operation needs to be answered well. */
const GOOD: Readonly<Record<string, Partial<Asked>>> = {
  'POST /v1/trace': {body: '{"from":"10.1.0.5"}'},
  'POST /v1/config/apply': {body: 'version: 1\n'},
  'POST /v1/login': {body: '{"token":"TOKEN"}'},
}

/** How refusals are had that do not come the same way everywhere: what is asked, and how often of what. */
const REFUSED: Readonly<Record<string, Partial<Asked>>> = {
  'GET /v1/get/{kind} 404': {target: '/v1/get/nothing'},
  'GET /v1/get/{kind} 410': {target: '/v1/get/tunnels?cursor=AAAAAAAAAAAAAAAA'},
  'GET /v1/get/{kind}/{name} 404': {target: '/v1/get/tunnels/nowhere'},
  'POST /v1/keys/rotate 404': {target: '/v1/keys/rotate?site=nowhere'},
  'GET /v1/config 404': {target: '/v1/config?version=99'},
  'POST /v1/config/rollback 404': {target: '/v1/config/rollback?version=100'},
  'POST /v1/config/apply 409': {body: 'change-pending'},
  'POST /v1/config/apply 422': {body: 'config-refused'},
  'POST /v1/config/apply 412': {headers: {'if-match': '"1"'}},
  'POST /v1/config/confirm 409': {},
  'POST /v1/config/confirm 412': {headers: {'if-match': '"1"'}},
  'POST /v1/config/rollback 412': {headers: {'if-match': '"1"'}},
  'POST /v1/login 401': {body: '{"token":"nonsense"}'},
}

/** Of a server that is in a bad way; each has its own below. */
const ELSEWHERE = new Set(['429', '500', '503'])

const targetOf = (path: string): string => path.replace('{kind}', 'tunnels').replace('{name}', 'wan%20b%2Fb1%2Fwan%200')

describe('contract of the API', () => {
  let server: ContractServer
  let document: ApiDocument
  const startWith = async (view: GatewayView, audit?: Audit): Promise<void> => {
    server = await contractServer(view, audit)
  }
  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([lower, operation]) => ({path, method: lower.toUpperCase(), operation})),
    )
  const asked = (method: string, path: string, more: Partial<Asked> = {}): Asked => ({
    ...{method, target: targetOf(path)},
    ...GOOD[`${method} ${path}`],
    ...more,
  })
  const expectStatus = async (name: string, question: Asked, status: number): Promise<Answered> => {
    const answer = await server.ask(question)
    assert.equal(answer.status, status, `${name}: ${answer.text.slice(0, 300)}`)
    return answer
  }

  describe('of a server in order', () => {
    before(async () => {
      await startWith(scriptedView())
      document = await documentOf(server)
    })
    after(() => server.stop())

    it('every request is answered as the document says', async () => {
      const check = answerChecker(document)
      for (const {path, method, operation} of operations()) {
        const name = `${method} ${path}`
        // What the scripted view has nothing of is among the refusals.
        if (name === 'POST /v1/config/confirm') continue
        const made = await server.ask({method: 'POST', target: '/v1/login-token'})
        const question = asked(method, path)
        const body = question.body?.toString().replace('TOKEN', JSON.parse(made.text).token)
        const answer = await expectStatus(name, {...question, ...(body === undefined ? {} : {body})}, 200)
        check(operation, answer, name)
      }
    })

    it('every refusal that the document names can be had, and looks as it says', async () => {
      const check = answerChecker(document)
      const long = 'x'.repeat(1024 * 1024 + 1)
      const missing: string[] = []
      for (const {path, method, operation} of operations()) {
        const name = `${method} ${path}`
        const general: Readonly<Record<string, Partial<Asked>>> = {
          400: {target: `${targetOf(path)}?unknown=1`},
          401: {tls: true},
          403: {
            tls: true,
            as: 'viewer',
            ...(operation['x-role'] === 'admin' ? {} : {headers: {origin: 'https://evil.example'}}),
          },
          413: {body: long},
        }
        for (const status of Object.keys(operation.responses)) {
          if (status === '200' || ELSEWHERE.has(status)) continue
          const recipe = REFUSED[`${name} ${status}`] ?? general[status]
          if (name === 'POST /v1/reload' && status === '422') continue
          if (!recipe) {
            missing.push(`${name} ${status}`)
            continue
          }
          // What takes any parameter refuses another thing.
          const lenient = status === '400' && ['/metrics', '/healthz', '/readyz'].includes(path)
          const question = asked(method, path, lenient ? {target: `${path}?a=1&a=2`} : recipe)
          const answer = await expectStatus(`${name} ${status}`, question, Number(status))
          check(operation, answer, name)
          if (status === '400') assert.match(answer.text, /"field":"query\./, name)
        }
      }
      assert.deepEqual(
        missing.sort(),
        ['POST /v1/config/rollback 422', 'POST /v1/login-token 409'],
        'have their own test',
      )
      assert.deepEqual(server.faults, [])
    })

    it('who asks too often is refused everywhere, and told when to come back', async () => {
      const check = answerChecker(document)
      for (let index = 0; index < 60; index++) await server.ask({method: 'GET', target: '/healthz', tls: true})
      for (const {path, method, operation} of operations()) {
        const answer = await expectStatus(`${method} ${path}`, asked(method, path, {tls: true}), 429)
        check(operation, answer, path)
        assert.match(String(answer.headers['retry-after']), /^\d+$/)
      }
      await expectStatus('an admin', {method: 'GET', target: '/v1/status', tls: true, as: 'admin'}, 200)
    })

    it('what is not there is 404, what is not for it 405', async () => {
      for (const {path, method} of operations()) {
        for (const other of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
          const {status, headers} = await server.ask({method: other, target: targetOf(path)})
          assert.equal(status, 405, `${other} ${path}`)
          assert.ok(String(headers.allow).includes(method), path)
        }
      }
      for (const target of ['/', '/v1', '/v2/status', '/v1/get', '/v1/get/', '/v1/get/tunnels/', '/v1/status/x']) {
        assert.equal((await server.ask({method: 'GET', target})).status, 404, target)
      }
    })
  })

  it('a view that fails is 500 without a word of why, and nothing worse', async () => {
    const fault = (): never => {
      throw new Error('secret detail')
    }
    const control = {inForce: fault, version: fault, history: fault, apply: fault, confirm: fault, rollback: fault}
    await startWith({
      ...{
        status: fault,
        watched: fault,
        get: fault,
        trace: fault,
        whyNot: fault,
        reach: fault,
        reload: fault,
        drain: fault,
        rotateKeys: fault,
      },
      ...{metrics: fault, configuration: control},
    })
    document = await documentOf(server)
    const check = answerChecker(document)
    const own = new Set([
      '/v1/log',
      '/v1/audit',
      '/v1/openapi.json',
      '/v1/login',
      '/v1/logout',
      '/v1/login-token',
      '/v1/events',
    ])
    for (const {path, method, operation} of operations()) {
      if (own.has(path)) continue
      const answer = await expectStatus(`${method} ${path}`, asked(method, path), 500)
      check(operation, answer, path)
      assert.doesNotMatch(answer.text, /secret/)
    }
    assert.ok(server.faults.every((text) => text.includes('secret detail')))
    await server.stop()
  })

  it('a change that cannot be written down is 503, everywhere', async () => {
    const audit: Audit = {
      begin: async () => {
        throw new Error('ENOSPC')
      },
      read: async () => ({entries: [], more: false}),
    }
    const view = scriptedView()
    const refuse = async (): Promise<never> => assert.fail('it was changed')
    const control = {...view.configuration, apply: refuse, confirm: refuse, rollback: refuse}
    await startWith({...view, drain: refuse, rotateKeys: refuse, reload: refuse, configuration: control}, audit)
    document = await documentOf(server)
    const check = answerChecker(document)
    const changes = operations().filter(({operation}) => operation['x-role'] === 'admin')
    assert.equal(changes.length, 8)
    for (const {path, method, operation} of changes) {
      check(operation, await expectStatus(path, asked(method, path), 503), path)
    }
    assert.deepEqual(server.faults, [])
    await server.stop()
  })

  it('a configuration that is refused is 422 at a reload and at a rollback too, no listener is 409', async () => {
    const view = scriptedView()
    const refused = async () => ({ok: false, code: 'config-refused', message: 'as told', findings: []}) as const
    await startWith({...view, reload: refused, configuration: {...view.configuration, rollback: refused}})
    document = await documentOf(server)
    const check = answerChecker(document)
    for (const path of ['/v1/reload', '/v1/config/rollback']) {
      check(document.paths[path]!.post!, await expectStatus(path, {method: 'POST', target: path}, 422), path)
    }
    await server.api.listenOn(null)
    const path = '/v1/login-token'
    check(document.paths[path]!.post!, await expectStatus(path, {method: 'POST', target: path}, 409), path)
    await server.stop()
  })
})

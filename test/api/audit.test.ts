import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir, userInfo} from 'node:os'
import path from 'node:path'
import {createApiClient} from '../../src/api/client.ts'
import {type Audit, type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {fakeView} from '../support/fake-view.ts'
import {cli} from '../support/run-cli.ts'

describe('changes over the API', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi
  let told: string[]
  let full: boolean

  const audit: Audit = {
    async begin({caller, what}) {
      if (full) throw new Error('ENOSPC: no space left on device')
      told.push(`begin ${caller.name}: ${what}`)
      return async ({result, changed}) => {
        told.push(`end ${result} ${JSON.stringify(changed)}`)
      }
    },
    read: async (limit) => ({
      entries: [
        {
          ...{number: 1, at: '2026-01-02T03:04:05.000Z', via: 'socket', who: 'uid 0 (root)', address: null},
          ...{what: 'POST /v1/drain', result: 'ok', difference: 'a\u001b[2J\nb'},
        },
      ],
      more: limit === 1,
    }),
  }
  const start = async (parts: Partial<GatewayView> = {}): Promise<void> => {
    api = await startApi({view: fakeView(parts), audit, socketPath, metrics: null, onError: () => undefined})
  }
  const {uid, username} = userInfo()
  const me = `uid ${uid} (${username})`

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-changes-'))
    socketPath = path.join(folder, 'api.sock')
    ;[told, full] = [[], false]
  })
  afterEach(async () => {
    await api.close()
    await rm(folder, {recursive: true})
  })

  it('are written down before and after, with who asked', async () => {
    await start()
    await createApiClient(socketPath).drain(true)
    assert.deepEqual(told, [`begin ${me}: POST /v1/drain`, 'end ok "drainingSince: null -> null"'])
  })

  it('that are refused say so, that fail too, and what changes nothing is not there', async () => {
    await start({
      rotateKeys: async () => ({ok: false, problem: 'no site z'}),
      drain: async () => {
        throw new Error('fault')
      },
    })
    const client = createApiClient(socketPath)
    await client.rotateKeys('z')
    await client.drain(true)
    await client.status()
    await client.trace({from: '10.1.0.5'})
    await client.rollbackConfig(-1)
    assert.deepEqual(told, [
      `begin ${me}: POST /v1/keys/rotate?site=z`,
      'end not-found null',
      `begin ${me}: POST /v1/drain`,
      'end internal null',
    ])
  })

  it('of the configuration have both texts', async () => {
    let text = 'a: 1\n'
    const {configuration} = fakeView()
    await start({
      configuration: {
        ...configuration,
        inForce: () => ({version: 1, text}),
        apply: async (given) => {
          text = given
          return {ok: true, version: 2, unchanged: false, pending: null, findings: []}
        },
      },
    })
    await createApiClient(socketPath).applyConfig('a: 2\n', 30)
    assert.deepEqual(told, [
      `begin ${me}: POST /v1/config/apply?confirm=30`,
      'end ok {"before":"a: 1\\n","after":"a: 2\\n"}',
    ])
  })

  it('that cannot be written down are not made', async () => {
    let drained = false
    await start({
      drain: async () => {
        drained = true
      },
    })
    full = true
    const answer = await createApiClient(socketPath).drain(true)
    assert.ok(!answer.ok && answer.code === 'audit-unwritable')
    assert.match(answer.message, /nothing was changed, .* who did: ENOSPC/)
    assert.equal(drained, false)
  })

  it('isthmus audit shows them', async () => {
    await start()
    const table = await cli(['audit', '--limit', '1'], socketPath)
    assert.equal(
      table.out,
      'AGE   WHO            BY       WHAT             RESULT\n2 m   uid 0 (root)   socket   POST /v1/drain   ok\n',
    )
    assert.equal(table.err, 'there are more than these 1; --limit shows up to 1000\n')
    const long = await cli(['audit', '--differences'], socketPath)
    assert.equal(long.out, '2 m  uid 0 (root)  socket  POST /v1/drain  ok\n    a\\x1b[2J\n    b\n')
    assert.equal(JSON.parse((await cli(['audit', '-o', 'json'], socketPath)).out)[0].number, 1)
    assert.equal((await cli(['audit', '--limit', '0'], socketPath)).status, 2)
  })
})

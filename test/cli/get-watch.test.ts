import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {type GatewayStatus, type Rows, type RunningApi, startApi} from '../../src/api/index.ts'
import {fakeView, STATUS, WATCHED} from '../support/fake-view.ts'
import {type CliResult, cli} from '../support/run-cli.ts'

const [TO_B, TO_C] = STATUS.tunnels as [Rows['tunnels'], Rows['tunnels']]

/** Over a real server, whose event hub looks at the view once a second. */
describe('isthmus get --watch, told by events', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi | null
  let status: GatewayStatus
  let policies: typeof WATCHED.policies
  let asked: number
  let said: {out: string; err: string}
  let end: AbortController
  let done: Promise<CliResult> | null

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-watch-'))
    socketPath = path.join(folder, 'api.sock')
    status = {...STATUS, tunnels: [TO_B]}
    policies = WATCHED.policies
    ;[asked, said, end, api, done] = [0, {out: '', err: ''}, new AbortController(), null, null]
  })
  afterEach(async () => {
    end.abort()
    await done
    await api?.close()
    await rm(folder, {recursive: true})
  })

  const start = async (): Promise<void> => {
    const view = fakeView({
      status: () => status,
      watched: () => ({...WATCHED, tunnels: status.tunnels, policies}),
      get: ((kind) => {
        asked++
        return kind === 'tunnels' ? status.tunnels : kind === 'policies' ? status.policies : []
      }) as ReturnType<typeof fakeView>['get'],
    })
    api = await startApi({view, socketPath, metrics: null, onError: assert.fail})
  }
  const watch = (kind: string): void => {
    const take = (where: 'out' | 'err') => (text: string) => {
      said = {...said, [where]: said[where] + text}
    }
    const clock = {nowMs: Date.now, sleep: (ms: number) => sleep(ms, undefined, {ref: false})}
    const context = {out: take('out'), err: take('err'), until: end.signal, clock}
    done = cli(['get', kind, '-w', '--no-headers', '-o', 'name'], socketPath, undefined, context)
  }
  /** How long until it has been said. */
  const until = async (where: 'out' | 'err', text: RegExp): Promise<number> => {
    const beganMs = performance.now()
    while (!text.test(said[where])) {
      assert.ok(performance.now() - beganMs < 5000, `${text} is not in ${JSON.stringify(said)}`)
      await sleep(5)
    }
    return performance.now() - beganMs
  }

  it('a new row is there within a second or so, and nobody asks in between', async () => {
    await start()
    watch('tunnels')
    await until('out', /b\/b1/)
    await sleep(300)
    assert.equal(asked, 1)
    status = {...status, tunnels: [{...TO_B, rxBytes: 1}, TO_C]}
    const tookMs = await until('out', /c\/c1/)
    assert.ok(tookMs < 1500, `${tookMs} ms`)
    assert.equal(asked, 2)
    assert.equal(said.out, 'tunnels/wan b/b1/wan 0\ntunnels/wan c/c1/wan 0\n')
  }).timeout(10_000)

  it('what only the log tells is asked for as well', async () => {
    await start()
    watch('policies')
    await until('out', /policies/)
    policies = [...policies, {name: 'StagedGlobalNetworkPolicy later', document: {}}]
    status = {...status, policies: [...status.policies, {...status.policies[0]!, name: 'later', staged: true}]}
    await until('out', /policies\/later/)
  }).timeout(10_000)

  it('goes on when the daemon was started anew, and waits until it knows what it knew', async () => {
    await start()
    watch('tunnels')
    await until('out', /b\/b1/)
    await api?.close()
    await until('err', /^no gateway answers on .*api\.sock/)
    status = {...status, ready: false, tunnels: []}
    await start()
    await until('err', /the gateway was started anew; what is different since then follows\n$/)
    await sleep(300)
    assert.equal(said.out, 'tunnels/wan b/b1/wan 0\n')
    status = {...status, ready: true, tunnels: [TO_B, TO_C]}
    await until('out', /c\/c1/)
    assert.equal(said.out, 'tunnels/wan b/b1/wan 0\ntunnels/wan c/c1/wan 0\n')
    assert.equal(said.err.match(/no gateway answers/g)?.length, 1)
  }).timeout(15_000)
})

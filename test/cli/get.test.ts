import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {stripVTControlCharacters} from 'node:util'
import {createApiClient} from '../../src/api/client.ts'
import {type GatewayView, type Rows, type RunningApi, startApi} from '../../src/api/index.ts'
import type {CliContext} from '../../src/cli/index.ts'
import {ENDPOINT, fakeView, STATUS} from '../support/fake-view.ts'
import {cli} from '../support/run-cli.ts'

const [TO_B, TO_C] = STATUS.tunnels as [Rows['tunnels'], Rows['tunnels']]

describe('isthmus get', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi | null = null

  const start = async (get?: GatewayView['get']): Promise<void> => {
    api = await startApi({view: fakeView(get ? {get} : {}), socketPath, metrics: null, onError: assert.fail})
  }
  /** Of one kind, whatever is asked. */
  const only = (rows: (name: string | null, selector: string | null) => unknown): GatewayView['get'] =>
    ((_, {name = null, selector = null} = {}) => rows(name, selector)) as GatewayView['get']
  const get = (args: string, more: Partial<CliContext> = {}) =>
    cli(['get', ...args.split(' ').map((word) => word.replaceAll('_', ' '))], socketPath, undefined, more)

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-get-'))
    socketPath = path.join(folder, 'api.sock')
  })
  afterEach(async () => {
    await api?.close()
    api = null
    await rm(folder, {recursive: true})
  })

  it('peers and routes, at a glance and wide', async () => {
    await start()
    assert.equal(
      (await get('peers')).out,
      `NAME             WITH     ADDRESS              AS   STATE         BFD   SINCE   RECEIVED   ACCEPTED   FILTERED   EXPORTED
wan b/b1/wan 0   tunnel   100.64.1.0   4200000002   Established   up      1 m          5          4          1          3
`,
    )
    assert.equal(
      (await get('routes')).out,
      `PREFIX        USED   SITE   FROM                    VIA                      PREFERENCE
10.2.5.0/24   yes    b      tunnel wan b/b1/wan 0   100.64.1.0 is-b-1f2e3d          100
`,
    )
    assert.match((await get('routes -o wide')).out, / 4200000002 +100 +- +- +tun_b_b1_wan_1f2e3d\n$/)
  })

  it('a kind that cannot be read now is 3, and says whom to look at', async () => {
    await start(only(() => ({code: 'unavailable', problem: 'BIRD does not answer'})))
    assert.deepEqual(await get('routes'), {status: 3, out: '', err: 'BIRD does not answer\n'})
  })

  it('a route that is not there leads on to why', async () => {
    await start()
    const {status, err} = await get('routes 10.9.0.0/16')
    assert.equal(status, 1)
    assert.match(err, /\nisthmus get routes --why-not 10\.9\.0\.0\/16 says why\n$/)
  })

  for (const [by, first] of [
    ['rtt', 'wan b/b1/wan 0'],
    ['received', 'wan c/c1/wan 0'],
    ['ERRORS', 'wan b/b1/wan 0'],
    ['full-loss', 'wan b/b1/wan 0'],
    ['.up', 'wan c/c1/wan 0'],
    ['{.probes.small.avgMs}', 'wan b/b1/wan 0'],
    ['.peer', 'wan b/b1/wan 0'],
  ] as const) {
    it(`--sort-by ${by}: the least first, what has no value last`, async () => {
      for (const rows of [STATUS.tunnels, STATUS.tunnels.toReversed()]) {
        await start(only(() => rows))
        const {out} = await get(`tunnels -o name --sort-by ${by}`)
        assert.equal(out.split('\n')[0], `tunnels/${first}`)
        await api?.close()
      }
    })
  }

  it('units count when sorted by: 512 B is less than 11.8 MiB, 9 MiB too', async () => {
    const rows = [11.8, 9, 0.0005].map((mib, index) => ({...TO_B, name: `${index}`, rxBytes: mib * 2 ** 20}))
    await start(only(() => rows))
    assert.equal((await get('tunnels --sort-by received -o name')).out, 'tunnels/2\ntunnels/1\ntunnels/0\n')
  })

  for (const [args, said] of [
    ['tunnels --sort-by rt', /^error: no column 'rt'; did you mean rtt\? there is name, /],
    ['tunnels --sort-by .a..b', /'\.a\.\.b' is no path; such as/],
    ['tunels', /^error: no kind 'tunels'; did you mean tunnels\?/],
    ['zzz', /^error: no kind 'zzz'; there is tunnels, /],
    ['tunnels --limit x', /^error: --limit x is no whole number; 0 for all/],
    ['tunnels --sortby rtt', /unknown option '--sortby'\n\(Did you mean --sort-by\?\)/],
    ['tunnels -o tabel', /^error: .*'tabel' is invalid.*\bdid you mean table\?/],
    ['profiles -w', /^error: --watch and --sort-by are for what a gateway has/],
    ['tunnels --why-not 10.0.0.0/8', /^error: --why-not is asked as: isthmus get routes --why-not PREFIX/],
  ] as const) {
    it(`get ${args}: says what would be right`, async () => {
      await start()
      const {status, out, err} = await get(args)
      assert.deepEqual([status, out], [2, ''], err)
      assert.match(err, said)
    })
  }

  it('without a kind: says which there are', async () => {
    const {status, err} = await cli(['get'])
    assert.equal(status, 2)
    assert.match(err, /^error: missing required argument 'kind': what to show: tunnels, /)
  })

  it('--no-headers leaves the titles out', async () => {
    await start()
    assert.match((await get('tiers --no-headers')).out, /^default +- +Deny/)
  })

  it('-l hands the selector to the gateway, which says what is wrong with it', async () => {
    const asked: (string | null)[] = []
    await start(
      only((_, selector) => {
        asked.push(selector)
        return selector === 'app ==' ? {code: 'bad-request', problem: 'selector, at character 7: expected'} : [ENDPOINT]
      }),
    )
    assert.equal((await get("endpoints -l app_==_'web' -o name")).out, 'endpoints/10.1.0.5\n')
    assert.deepEqual(await get('endpoints -l app_=='), {
      ...{status: 2, out: '', err: 'selector, at character 7: expected\n'},
    })
    assert.deepEqual(asked, ["app == 'web'", 'app =='])
  })

  for (const [limit, shown, said] of [
    ['0', 25_000, ''],
    ['12000', 12_000, 'there are more than these 12000; --limit 0 shows all\n'],
    ['10000', 10_000, 'there are more than these 10000; --limit 0 shows all\n'],
    ['25000', 25_000, ''],
  ] as const) {
    it(`--limit ${limit} of 25,000: page by page, each once, in their order`, async () => {
      const rows = Array.from({length: 25_000}, (_, index) => ({...ENDPOINT, address: `${index}`}))
      await start(only(() => rows))
      const {out, err} = await get(`endpoints -o name --limit ${limit}`)
      const expected = rows.slice(0, shown).map(({address}) => `endpoints/${address}\n`)
      assert.equal(out, expected.join(''))
      assert.equal(err, said)
    })
  }

  it('rows that are searched for come in pages too, and a problem that is found later is one', async () => {
    async function* searched() {
      for (let index = 0; index < 12_000; index++) {
        if (index % 1000 === 0) await new Promise(setImmediate)
        yield {...ENDPOINT, address: `${index}`}
      }
    }
    await start(only(searched))
    const {status, out, err} = await get("endpoints -l app=='web' -o name --limit 11000")
    assert.deepEqual([status, err], [0, 'there are more than these 11000; --limit 0 shows all\n'])
    assert.equal(out, Array.from({length: 11_000}, (_, index) => `endpoints/${index}\n`).join(''))
    await api?.close()
    await start(only(async () => ({code: 'bad-request', problem: 'sites have no labels'})))
    assert.deepEqual(await get('sites -l all()'), {status: 2, out: '', err: 'sites have no labels\n'})
  })

  describe('--watch', () => {
    /** A gateway that tells nothing by itself. */
    const silent: CliContext['api'] = (place, timeoutMs) => ({
      ...createApiClient(place, timeoutMs),
      events: async () => ({ok: false, code: 'not-found', message: 'an older one', findings: []}),
    })
    /** Looks of one kind after each other, then the end; a step may be a fault. */
    const watch = async (args: string, looks: readonly (readonly unknown[])[]) => {
      let look = 0
      const end = new AbortController()
      await start(only(() => looks[look] ?? []))
      const sleep = async (): Promise<void> => {
        look++
        if (look === looks.length) end.abort()
      }
      const clock = {nowMs: () => Date.parse('2026-01-02T03:06:05.000Z'), sleep}
      return await get(args, {clock, until: end.signal, api: silent})
    }

    it('prints all that is there, then only what is new, changed or gone', async () => {
      const down = {...TO_B, up: false}
      const {status, out, err} = await watch('tunnels -w', [[TO_B], [TO_B, TO_C], [down, TO_C], [TO_C]])
      assert.deepEqual([status, err], [0, ''])
      assert.deepEqual(
        out
          .trimEnd()
          .split('\n')
          .map((line) => line.split(/ {2,}/).slice(0, 5).join('|')),
        [
          'CHANGE|NAME|ENCAPSULATION|DEVICE|STATE',
          '-|wan b/b1/wan 0|ipip|is-b-1f2e3d|up',
          'new|wan c/c1/wan 0|wireguard|is-c-aabbcc|down',
          'changed|wan b/b1/wan 0|ipip|is-b-1f2e3d|down',
          'gone|wan b/b1/wan 0|ipip|is-b-1f2e3d|down',
        ],
      )
    })

    it('counters and ages are no news', async () => {
      const busy = {...TO_B, rxBytes: TO_B.rxBytes + 10 ** 9, probes: null}
      assert.equal((await watch('tunnels -w --no-headers', [[TO_B], [busy]])).out.split('\n').length, 2)
    })

    it('as JSON an object a line, with what happened', async () => {
      const {out} = await watch('tunnels -w -o json', [[TO_B], []])
      const lines = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      assert.deepEqual(lines, [
        {change: 'there', object: TO_B},
        {change: 'gone', object: TO_B},
      ])
    })

    it('several of one name are told apart', async () => {
      const one = {...ENDPOINT, source: 'datastore/x'}
      const {out} = await watch('endpoints -w -o name', [
        [ENDPOINT, ENDPOINT],
        [ENDPOINT, one],
      ])
      assert.equal(out, 'endpoints/10.1.0.5\n'.repeat(3))
    })
  })

  describe('colours', () => {
    const terminal = {out: true, err: false}
    it('mark states at a terminal, and leave columns where they were', async () => {
      await start()
      const {out} = await get('tunnels', {terminal})
      const plain = (await get('tunnels')).out
      assert.ok(out.includes('\x1b[32mup\x1b[0m') && out.includes('\x1b[31mdown\x1b[0m'))
      assert.equal(stripVTControlCharacters(out), plain)
      assert.ok((await cli(['status'], socketPath, undefined, {terminal})).out.includes('\x1b[32mEstablished\x1b[0m'))
    })
    for (const env of [{NO_COLOR: '1'}, {TERM: 'dumb'}] as const) {
      it(`are not there with ${JSON.stringify(env)}`, async () => {
        await start()
        const with_ = {terminal, env: {ISTHMUS_SOCKET: socketPath, ...env}}
        assert.ok(!(await get('tunnels', with_)).out.includes('\x1b'))
      })
    }
    it('are in no answer for programs', async () => {
      await start()
      for (const format of ['json', 'yaml', 'name']) {
        assert.ok(!(await get(`tunnels -o ${format}`, {terminal})).out.includes('\x1b'))
      }
    })
  })

  it('--why-not walks the way, and says what to do at the step that fails', async () => {
    await start()
    const {status, out} = await get('routes --why-not 10.9.0.0/16')
    assert.equal(status, 1)
    assert.equal(
      out,
      `10.9.0.0/16: not here: it is granted to no site
    no owner: it is granted to no site
           grant it
`,
    )
    assert.equal(JSON.parse((await get('routes --why-not 10.9.0.0/16 -o json')).out).steps[0].ok, false)
  })
})

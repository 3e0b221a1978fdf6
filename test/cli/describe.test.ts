import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {KINDS} from '../../src/api/client.ts'
import {type GatewayView, type RunningApi, startApi} from '../../src/api/index.ts'
import {nameOf} from '../../src/cli/columns.ts'
import type {Finding} from '../../src/model/index.ts'
import {fakeView, STATUS} from '../support/fake-view.ts'
import {cli} from '../support/run-cli.ts'

describe('isthmus describe', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi | null = null

  const start = async (parts: Partial<GatewayView> = {}): Promise<void> => {
    api = await startApi({view: fakeView(parts), socketPath, metrics: null, onError: assert.fail})
  }
  const describeIt = (...args: string[]) => cli(['describe', ...args], socketPath)
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-describe-'))
    socketPath = path.join(folder, 'api.sock')
  })
  afterEach(async () => {
    await api?.close()
    api = null
    await rm(folder, {recursive: true})
  })

  const finding = (source: string, detail: string): Finding => ({
    ...{code: 'path-mtu', severity: 'warning', where: {source}, detail},
  })

  it('a tunnel: both ends, MTU, what is measured, the session, routes over it, findings that name it', async () => {
    const findings = [
      finding('kernel', 'the path of tunnel wan b/b1/wan 0 carries less'),
      finding('kernel', 'the path of tunnel wan b/b1/wan2 0 carries less'),
      finding('kernel', 'device is-b-1f2e3d'),
      finding('kernel', 'gateway bb/b1'),
    ]
    await start({status: () => ({...STATUS, findings})})
    const {status, out, err} = await describeIt('tunnel', 'wan b/b1/wan 0')
    assert.deepEqual([status, err], [0, ''])
    assert.equal(
      out,
      `NAME:           wan b/b1/wan 0
SITE:           b
GATEWAY:        b1
ENCAPSULATION:  ipip
DEVICE:         is-b-1f2e3d
STATE:          up
LOCAL:          192.0.2.1
PEER:           198.51.100.1
MTU:            1480
RTT:            12 ms
JITTER:         0.42 ms
LOSS:           2.5 %
FULL RTT:       14 ms
FULL LOSS:      0 %
PASSES:         ipip
RECEIVED:       11.8 MiB
SENT:           512 B
ERRORS:         0
THIS END:       a/a1 uplink wan, inner 192.0.2.1
OTHER END:      b/b1 uplink wan, inner 198.51.100.1
PATH MTU:       1480, as computed

peers
NAME             WITH     ADDRESS              AS   STATE         BFD   SINCE   RECEIVED   ACCEPTED   FILTERED   EXPORTED
wan b/b1/wan 0   tunnel   100.64.1.0   4200000002   Established   up      1 m          5          4          1          3

routes
PREFIX        USED   SITE   FROM                    VIA                      PREFERENCE
10.2.5.0/24   yes    b      tunnel wan b/b1/wan 0   100.64.1.0 is-b-1f2e3d          100

findings
SEVERITY   CODE       WHERE    WHAT
warning    path-mtu   kernel   the path of tunnel wan b/b1/wan 0 carries less
warning    path-mtu   kernel   device is-b-1f2e3d
`,
    )
  })

  it('an endpoint: who it is, its class, the policies, who may reach it, the way to it', async () => {
    await start()
    const {out} = await describeIt('endpoint', '10.1.0.5')
    assert.match(out, /^LABELS: +app=web$/m)
    assert.match(
      out,
      /^CLASS: +1\nINGRESS BY: +default\/web\nEGRESS BY: +none\nMAY REACH IT: +tcp 5432 from site b app=db\nMAY NOT: +3 other classes of addresses\n/m,
    )
    assert.match(out, /\nsites\nNAME /)
    assert.match(out, /\nconflicts: none\n/)
  })

  it('a site, a gateway, a datastore, a policy, a peer, a route: with what belongs to them', async () => {
    const findings = [
      finding('export b', 'x'),
      finding('datastore main', 'y'),
      finding('bird', 'tun_b_b1_wan_1f2e3d is lost'),
    ]
    await start({status: () => ({...STATUS, findings})})
    const cases: [kind: string, name: string, ...says: RegExp[]][] = [
      ['site', 'a', /\ndatastores\n.*\ndatastore\/main/, /\npolicies\n.*\nweb /, /\nfindings: none/],
      ['gateway', 'b/b1', /\ntunnels\n.*\nwan b\/b1\/wan 0 /, /\npeers\n.*\nwan b\/b1\/wan 0 /],
      ['datastore', 'export/b', /\nfindings\n.*\nwarning +path-mtu +export b/],
      ['datastore', 'datastore/main', /\nsites\n.*\na \(here\)/, /datastore main +y\n/],
      ['policy', 'web', /^SELECTOR: +app == 'web'$/m, /\npolicies\n/],
      ['tunnel', 'b1', /^NAME: +wan b\/b1\/wan 0$/m],
      ['peer', 'wan b/b1/wan 0', /^SESSION: +tun_b/m, /\ntunnels\n/, /\nroutes\n.*\n10\.2\.5\.0\/24/, /is lost\n/],
      ['route', '10.2.5.0/24', /^LOCAL PREF: +100$/m, /\ntunnels\n.*\nwan b\/b1\/wan 0/],
    ]
    for (const [kind, name, ...says] of cases) {
      const {status, out, err} = await describeIt(kind, name)
      assert.deepEqual([status, err], [0, ''], kind)
      for (const expected of says) assert.match(out, expected, kind)
    }
  })

  it('every kind, in every format', async () => {
    await start()
    const view = fakeView()
    for (const kind of KINDS) {
      const [row] = [...(view.get(kind) as Iterable<Parameters<typeof nameOf>[0]>)]
      if (!row || kind === 'findings') continue
      for (const format of ['table', 'json', 'yaml']) {
        const {status, out, err} = await describeIt(kind, nameOf(row), '-o', format)
        assert.deepEqual([status, err], [0, ''], `${kind} ${err}`)
        assert.doesNotMatch(out, /undefined|\[object/, kind)
      }
    }
    const json = JSON.parse((await describeIt('tunnel', 'wan b/b1/wan 0', '-o', 'json')).out)
    assert.deepEqual([json.kind, json.object.device, json.related.peers.length], ['tunnel', 'is-b-1f2e3d', 1])
  })

  for (const [args, status, said] of [
    [['tunel', 'x'], 2, /^error: no kind 'tunel'; did you mean tunnel\?/],
    [['site', 'aa'], 1, /^no sites named aa\ndid you mean a\? isthmus get sites -o name lists what there is\n$/],
    [['site', 'nowhere'], 1, /^no sites named nowhere\nisthmus get sites -o name lists what there is\n$/],
    [['route', '10.9.0.0/16'], 1, /--why-not 10\.9\.0\.0\/16 says why\n$/],
    [['tunnel'], 2, /missing required argument 'name': its name, as get shows it; /],
    [['tunnel', 'wan'], 1, /^no tunnels named wan\n/],
  ] as const) {
    it(`${args.join(' ')}: says what to ask instead`, async () => {
      await start()
      const result = await describeIt(...args)
      assert.deepEqual([result.status, result.out], [status, ''])
      assert.match(result.err, said)
    })
  }

  it('without BIRD all else is described', async () => {
    const view = fakeView()
    const get: GatewayView['get'] = (kind, name) =>
      kind === 'routes' ? {code: 'unavailable', problem: 'BIRD does not answer'} : view.get(kind, name)
    await start({get})
    const {status, out} = await describeIt('tunnel', 'wan b/b1/wan 0')
    assert.equal(status, 0)
    assert.match(out, /\nroutes: none\n/)
  })

  it('without a gateway is 3', async () => {
    assert.equal((await describeIt('site', 'a')).status, 3)
  })
})

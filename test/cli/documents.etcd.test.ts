import assert from 'node:assert/strict'
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {Etcd3} from 'etcd3'
import {parse, parseAllDocuments} from 'yaml'
import {decodeRecord} from '../../src/decode/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {rawRecord} from '../support/records.ts'
import {type CliResult, cli} from '../support/run-cli.ts'
import {podRecord} from '../support/sites.ts'

const ROOT = '/isthmus/v1/resources/projectcalico.org/'

const TIER = `apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: platform}
spec: {order: 100, defaultAction: Pass}
`
const POLICY = `# A comment is no part of a document.
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: platform.web, annotations: {team: net}}
spec:
  tier: platform
  order: 0
  selector: app == 'web'
  applyOnForward: false
  ingress:
    - {action: Allow, protocol: TCP, source: {nets: [10.1.0.0/16]}, destination: {ports: [80, "8000:8100", http]}}
    - {action: Deny}
`
const STAGED = POLICY.replace('GlobalNetworkPolicy', 'StagedGlobalNetworkPolicy').replace('Deny', 'Pass')
const SET = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: partners, labels: {partner: "", kind: "external"}}
spec: {nets: [192.0.2.0/24, 198.51.100.7]}
`
const ALL = [POLICY, STAGED, SET, TIER].join('---\n')

describe('documents in a datastore, on a real etcd', () => {
  let etcd: EtcdServer
  let client: Etcd3
  let folder: string
  let config: string

  const run = (...args: string[]): Promise<CliResult> => cli([...args, '--config', config])
  const file = async (name: string, text: string): Promise<string> => {
    const target = path.join(folder, name)
    await mkdir(path.dirname(target), {recursive: true})
    await writeFile(target, text)
    return target
  }
  const stored = async (): Promise<Map<string, string>> =>
    new Map(Object.entries(await client.getAll().prefix(ROOT).strings()))
  const apply = async (text: string, ...options: string[]): Promise<CliResult> =>
    run('apply', '-f', await file('input.yaml', text), ...options)
  const results = ({out}: CliResult): string[] =>
    JSON.parse(out).documents.map(
      (one: {kind: string; name: string; result: string}) => `${one.kind} ${one.name} ${one.result}`,
    )

  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-documents-'))
    config = await file('etc/gateway.yaml', gatewayYaml(['http://127.0.0.1:1', etcd.endpoint]))
  })
  after(async () => {
    client.close()
    await etcd.stop()
    await rm(folder, {recursive: true})
  })
  beforeEach(async () => {
    await client.delete().all()
  })

  it('stores what decode reads, in Calico’s layout; the order of documents does not matter', async () => {
    const applied = await apply(ALL, '-o', 'json')
    assert.equal(applied.status, 0, applied.err)
    assert.deepEqual(results(applied), [
      'GlobalNetworkPolicy platform.web created',
      'StagedGlobalNetworkPolicy platform.web created',
      'GlobalNetworkSet partners created',
      'Tier platform created',
    ])
    const keys = await stored()
    assert.deepEqual([...keys.keys()].sort(), [
      `${ROOT}globalnetworkpolicies/platform.web`,
      `${ROOT}globalnetworksets/partners`,
      `${ROOT}stagedglobalnetworkpolicies/platform.web`,
      `${ROOT}tiers/platform`,
    ])
    for (const [key, text] of keys) {
      const decoded = decodeRecord(rawRecord(key, text))
      assert.equal(decoded.type, 'resource', text)
      assert.deepEqual(decoded.findings, [])
    }
    const policy = JSON.parse(keys.get(`${ROOT}globalnetworkpolicies/platform.web`)!)
    assert.deepEqual(Object.keys(policy), ['kind', 'apiVersion', 'metadata', 'spec'])
    assert.match(policy.metadata.uid, /^[0-9a-f-]{36}$/)
    assert.equal(policy.metadata.creationTimestamp, '2026-01-02T03:06:05Z')
    assert.deepEqual(
      [policy.metadata.labels, policy.spec.types, policy.spec.order],
      [{'projectcalico.org/tier': 'platform'}, ['Ingress'], 0],
    )
  })

  it('is one transaction, so that nobody sees a policy without its tier', async () => {
    await apply(ALL)
    const revisions = new Set((await client.getAll().prefix(ROOT).exec()).kvs.map(({mod_revision}) => mod_revision))
    assert.equal(revisions.size, 1)
  })

  it('what get prints is applied again without a change, as YAML, as JSON and document by document', async () => {
    await apply(ALL)
    const before = await stored()
    for (const format of ['yaml', 'json']) {
      const {out, status} = await run('get', 'documents', '-o', format)
      assert.equal(status, 0)
      const again = await apply(out, '-o', 'json')
      assert.deepEqual(new Set(results(again).map((line) => line.split(' ')[2])), new Set(['unchanged']), again.err)
      assert.equal(again.status, 0)
    }
    const one = await run('get', 'gnp', 'platform.web', '-o', 'yaml')
    assert.deepEqual(results(await apply(one.out, '-o', 'json')), ['GlobalNetworkPolicy platform.web unchanged'])
    assert.equal(parse(one.out).metadata.name, 'platform.web')
    assert.deepEqual(await stored(), before, 'nothing was written')
  })

  it('a change keeps uid and time of creation, and replaces the rest', async () => {
    await apply(ALL)
    const key = `${ROOT}globalnetworkpolicies/platform.web`
    const before = JSON.parse((await stored()).get(key)!)
    const applied = await apply(
      POLICY.replace('order: 0', 'order: 5').replace(', annotations: {team: net}', ''),
      '-o',
      'json',
    )
    assert.deepEqual(results(applied), ['GlobalNetworkPolicy platform.web configured'])
    const after = JSON.parse((await stored()).get(key)!)
    assert.deepEqual(
      [after.metadata.uid, after.metadata.creationTimestamp],
      [before.metadata.uid, before.metadata.creationTimestamp],
    )
    assert.deepEqual([after.spec.order, after.metadata.annotations], [5, undefined])
  })

  it('one mistake in one document: nothing is written, and all mistakes are told with file, line and field', async () => {
    const good = await file('many/tier.yaml', TIER)
    const bad = await file('many/deep/bad.yml', POLICY.replace('[80,', '[80, "90:80",').replace("'web'", 'web'))
    const {status, out, err} = await run('apply', '-f', path.join(folder, 'many'))
    assert.equal(status, 1)
    assert.equal(out, '')
    assert.match(
      err,
      new RegExp(
        `${bad}:8:3: error document-invalid GlobalNetworkPolicy platform.web spec.selector: expected a quoted`,
      ),
    )
    assert.match(
      err,
      new RegExp(
        `${bad}:11:\\d+: error .* spec.ingress\\[0\\].destination.ports\\[1\\]: the range 90:80 .*; write "80:90"`,
      ),
    )
    assert.match(err, /2 errors: nothing was written/)
    assert.deepEqual(await stored(), new Map())
    assert.ok(good)
  })

  it('an unknown tier is told beside the other mistakes; a stored one is known', async () => {
    const {status, err} = await apply(`${POLICY}---\n${SET.replace('192.0.2.0/24', '192.0.2.1/24')}`)
    assert.equal(status, 1)
    assert.match(
      err,
      /spec\.tier: tier platform is neither stored nor among these documents; .*there is default, kube-admin/,
    )
    assert.match(err, /192\.0\.2\.1\/24 has host bits set behind \/24; write 192\.0\.2\.0\/24/)
    assert.deepEqual(await stored(), new Map())
    await apply(TIER)
    assert.equal((await apply(POLICY)).status, 0)
  })

  it('--dry-run tells the same and writes nothing', async () => {
    const dry = await apply(ALL, '--dry-run', '-o', 'json')
    assert.equal(dry.status, 0)
    assert.equal(results(dry).filter((line) => line.endsWith('created')).length, 4)
    assert.equal(JSON.parse(dry.out).dryRun, true)
    assert.deepEqual(await stored(), new Map())
  })

  it('what a gateway cannot mean is stored and told by name', async () => {
    const http = POLICY.replace('- {action: Deny}', '- {action: Allow, http: {methods: [GET]}}')
    const {status, err} = await apply(`${TIER}---\n${http}`)
    assert.equal(status, 0)
    assert.match(err, /warning rule-unsupported GlobalNetworkPolicy platform\.web spec\.ingress\[1\]\.http: HTTP/)
    assert.equal((await stored()).size, 2)
  })

  it('a document that was read before somebody else wrote is refused, unless it says the same', async () => {
    await apply(ALL)
    const {out: read} = await run('get', 'gnp', 'platform.web', '-o', 'yaml')
    await apply(POLICY.replace('order: 0', 'order: 7'))
    const {status, err} = await apply(read)
    assert.equal(status, 1)
    assert.match(
      err,
      /document-conflict .* metadata\.resourceVersion: the document was read at revision \d+, and it is at \d+ now/,
    )
    const {out: fresh} = await run('get', 'gnp', 'platform.web', '-o', 'yaml')
    assert.equal((await apply(fresh.replace('order: 7', 'order: 8'))).status, 0)
  })

  it('more than a transaction holds: tiers first, and the answer says that it was not at once', async () => {
    const policies = Array.from({length: 300}, (_, index) => POLICY.replace('platform.web', `platform.p${index}`))
    const {status, err, out} = await apply([...policies, TIER].join('---\n'), '-o', 'json')
    assert.equal(status, 0, err)
    assert.match(err, /warning documents-in-parts: it took 3 transactions/)
    assert.equal(results({out, err, status}).filter((line) => line.endsWith('created')).length, 301)
    const {kvs} = await client.getAll().prefix(ROOT).exec()
    const revisionOf = new Map(kvs.map(({key, mod_revision}) => [key.toString(), Number(mod_revision)]))
    const tier = revisionOf.get(`${ROOT}tiers/platform`)!
    assert.ok([...revisionOf.values()].every((revision) => revision >= tier))
    const deleted = await run('delete', '-f', path.join(folder, 'input.yaml'))
    assert.equal(deleted.status, 0, deleted.err)
    assert.deepEqual(await stored(), new Map())
  })

  it('somebody else’s write in between is seen: what is there then decides', async () => {
    await apply(TIER)
    // Runs beside each other, each on its own policy and all on one: all end, and the last one counts whole.
    const answers = await Promise.all(
      [1, 2, 3].map(async (order) => {
        const text = [
          POLICY.replace('order: 0', `order: ${order}`),
          POLICY.replace('platform.web', `platform.p${order}`),
        ]
        return run('apply', '-f', await file(`beside-${order}.yaml`, text.join('---\n')))
      }),
    )
    assert.deepEqual(
      answers.map(({status}) => status),
      [0, 0, 0],
      answers.map(({err}) => err).join(),
    )
    assert.equal((await stored()).size, 5)
  })

  describe('what it means for flows', () => {
    const pod = (name: string, address: string, app: string): [string, string] => {
      const {key, value} = podRecord(name, address, {labels: {app}})
      return [key, Buffer.from(value).toString()]
    }
    beforeEach(async () => {
      for (const [key, text] of [pod('web', '10.1.0.5', 'web'), pod('db', '10.1.0.6', 'db')])
        await client.put(key).value(text)
    })

    const rules = '[{action: Allow, protocol: TCP, destination: {ports: [80]}}]'
    const open = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: open}
spec: {selector: has(app), ingress: ${rules}, egress: ${rules}}
`

    it('is shown before it is done, and for a dry run too', async () => {
      for (const options of [['--dry-run'], []]) {
        const {out, err, status} = await apply(open, ...options)
        assert.equal(status, 0, err)
        assert.match(out, /^[+-] (?:opens|closes) [\s\S]*10\.1\.0\.5[\s\S]*\nKIND +NAME +RESULT\n/, out + err)
      }
      const {difference} = JSON.parse((await run('delete', 'gnp', 'open', '--dry-run', '-o', 'json')).out)
      assert.deepEqual([...new Set(difference.map(({change}: {change: string}) => change))], ['closes'])
    })

    it('nothing, where it is refused', async () => {
      const {status, out} = await apply(`${open}---\n${open}`)
      assert.deepEqual([status, out], [1, ''])
    })

    it('nothing, where nothing changes for anybody', async () => {
      const {err} = await apply(`${TIER}---\n${STAGED}`)
      assert.match(err, /no flow changes its verdict/)
      assert.equal('difference' in JSON.parse((await apply(ALL, '--no-difference', '-o', 'json')).out), false)
    })
  })

  describe('diff', () => {
    it('shows what apply would change, with status 1; without a difference nothing, with status 0', async () => {
      await apply(ALL)
      const changed = await file('changed.yaml', POLICY.replace('order: 0', 'order: 5'))
      const {status, out} = await run('diff', '-f', changed)
      assert.equal(status, 1)
      assert.match(
        out,
        /^--- stored globalnetworkpolicies\/platform\.web\n\+\+\+ .*changed\.yaml:2 globalnetworkpolicies\/platform\.web\n@@/,
      )
      assert.deepEqual(
        out.split('\n').filter((line) => /^[-+] /.test(line)),
        ['-  order: 0', '+  order: 5'],
      )
      assert.deepEqual(await run('diff', '-f', path.join(folder, 'input.yaml')), {status: 0, out: '', err: ''})
      assert.match((await stored()).get(`${ROOT}globalnetworkpolicies/platform.web`)!, /"order":0/)
    })

    it('a new document is all new; a wrong one is a finding', async () => {
      const {status, out} = await run('diff', '-f', await file('new.yaml', TIER))
      assert.equal(status, 1)
      assert.match(out, /^--- \/dev\/null\n[\s\S]*\+kind: Tier\n/)
      const wrong = await run('diff', '-f', await file('wrong.yaml', TIER.replace('Pass', 'Allow')))
      assert.equal(wrong.status, 1)
      assert.match(wrong.err, /wrong\.yaml:4:\d+: error .*"Allow" is none of Deny, Pass/)
    })
  })

  describe('delete', () => {
    it('by kind and name, in calicoctl’s short forms', async () => {
      await apply(ALL)
      assert.equal((await run('delete', 'gnp', 'platform.web')).status, 0)
      assert.equal((await run('delete', 'GlobalNetworkSets', 'partners')).status, 0)
      assert.deepEqual([...(await stored()).keys()].sort(), [
        `${ROOT}stagedglobalnetworkpolicies/platform.web`,
        `${ROOT}tiers/platform`,
      ])
    })

    it('by the documents, also where they are wrong by now', async () => {
      await apply(ALL)
      const gone = await run(
        'delete',
        '-f',
        await file('gone.yaml', ALL.replaceAll("app == 'web'", 'wrong')),
        '-o',
        'json',
      )
      assert.equal(gone.status, 0, gone.err)
      assert.equal(results(gone).filter((line) => line.endsWith('deleted')).length, 4)
      assert.deepEqual(await stored(), new Map())
    })

    it('what is not there is told, and then nothing goes', async () => {
      await apply(ALL)
      const {status, err} = await run('delete', 'gnp', 'platform.web', 'platform.other')
      assert.equal(status, 1)
      assert.match(err, /document-missing GlobalNetworkPolicy platform\.other: .* is not stored/)
      assert.equal((await stored()).size, 4)
      assert.equal((await run('delete', 'gnp', 'platform.web', 'platform.other', '--ignore-not-found')).status, 0)
      assert.equal((await stored()).size, 3)
    })

    it('a tier goes only with its policies', async () => {
      await apply(ALL)
      const {status, err} = await run('delete', 'tier', 'platform')
      assert.equal(status, 1)
      assert.match(
        err,
        /tier platform still holds globalnetworkpolicies\/platform\.web, stagedglobal.*; delete them before/,
      )
      assert.equal((await stored()).size, 4)
    })
  })

  describe('get', () => {
    it('tells policies and tiers of the datastore with --stored, one or all', async () => {
      await apply(ALL)
      const tier = await run('get', 'tier', 'platform', '--stored', '-o', 'yaml')
      assert.equal(parse(tier.out).spec.defaultAction, 'Pass')
      const policies = await run('get', 'policies', '--stored', '-o', 'yaml')
      assert.equal(parseAllDocuments(policies.out).length, 2)
      assert.match((await run('get', 'documents')).out, /^KIND +NAME +TIER +ORDER\nTier +platform +100\n/)
      const missing = await run('get', 'gnp', 'other')
      assert.deepEqual([missing.status, missing.out], [1, ''])
    })
  })

  it('an etcd that is away is status 3', async () => {
    const config2 = await file('etc/away.yaml', gatewayYaml(['http://127.0.0.1:1']))
    const {status, err} = await cli(['apply', '-f', await file('tier.yaml', TIER), '--config', config2])
    assert.equal(status, 3)
    assert.match(err, /error etcd-unreachable: /)
  })
})

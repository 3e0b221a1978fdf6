import assert from 'node:assert/strict'
import {policyMatrix, policyPair} from '../../src/gateway/policy-answers.ts'
import {policyDiff} from '../../src/gateway/policy-what-if.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {attributes, entity, policy, rule, tier, world} from '../policy/worlds.ts'

const web = attributes('pod', {labels: {app: 'web'}})
const client = attributes('pod', {labels: {app: 'client'}})
const HTTPS = {ranges: [{first: 443, last: 443}], names: []}
const known = world(
  [
    {at: '10.1.0.5', site: 'a', set: client},
    {at: '10.1.0.6', site: 'a', set: client},
    {at: '10.2.0.7', site: 'b', set: web},
    {at: '10.2.0.8', site: 'b', set: web},
  ],
  [tier('default', 1)],
  [
    policy('web', {
      selector: "app == 'web'",
      types: ['ingress'],
      ingress: [rule('Allow', {protocol: 6, destination: entity({ports: HTTPS})})],
    }),
  ],
)
const compiled = compilePolicy(known, {default: 'allow', previous: null, firstClass: 1})
const runtime = {world: () => known, compiled: () => compiled}

describe('policy answers of a gateway', () => {
  it('are a matrix with its labels', async () => {
    const matrix = await policyMatrix(runtime, 'app')
    assert.ok('cells' in matrix)
    assert.deepEqual(
      matrix.groups.map(({name}) => name),
      ['client', 'web'],
    )
    assert.deepEqual(matrix.cells, ['am', 'am'])
    assert.deepEqual(matrix.labels, ['site', 'namespace', 'class', 'app'])
  })

  it('are the ways of a pair, with who governs it and flows to trace', async () => {
    const pair = await policyPair(runtime, 'app', 'client', 'web')
    assert.ok('ways' in pair)
    const [way] = pair.ways
    assert.deepEqual(
      {...way, from: way?.from.address.slice(0, 6), to: way?.to.policies, flows: way?.flows.map(({port}) => port)},
      {
        ...{verdict: 'mixed', allowed: 'tcp 443', classPairs: 1, from: '10.1.0', flows: [443, 1]},
        to: [{tier: 'default', name: 'web', selector: "app == 'web'"}],
      },
    )
  })

  it('say which group there is not', async () => {
    assert.deepEqual(await policyPair(runtime, 'app', 'client', 'x'), {
      refused: 'not-found',
      message: 'no endpoints with app "x"',
    })
  })

  it('wait for the first policy', async () => {
    assert.equal(
      ((await policyMatrix({...runtime, compiled: () => null}, 'app')) as {refused: string}).refused,
      'not-found',
    )
  })
})

const EDITED = `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: web}
spec:
  selector: app == 'web'
  types: [Ingress]
  ingress:
    - {action: Allow, protocol: TCP, destination: {ports: [443, 80]}}
`

describe('policyDiff of a gateway', () => {
  it('says what an edited policy would open', () => {
    const diff = policyDiff(known, 'allow', EDITED, [])
    assert.ok('rows' in diff)
    assert.deepEqual(
      diff.rows.map(({change, traffic}) => [change, traffic]),
      [['opens', 'tcp 80']],
    )
  })

  it('says what a deletion would open', () => {
    const diff = policyDiff(known, 'allow', '', ['web'])
    assert.ok('rows' in diff)
    assert.deepEqual(
      diff.rows.map(({change, traffic}) => [change, traffic]),
      [['opens', 'tcp 0-442,444-65535; any protocol but tcp']],
    )
  })

  it('changes nothing by what is in force', () => {
    const diff = policyDiff(known, 'allow', EDITED.replace(', 80', ''), [])
    assert.deepEqual('rows' in diff && diff.rows, [])
  })

  const refusals: {name: string; text: string; deleted?: string[]; refused: string; message: RegExp}[] = [
    {
      name: 'a mistake, with its line',
      text: EDITED.replace('TCP', '{}'),
      refused: 'document-refused',
      message: /mistakes/,
    },
    {
      name: 'a kind that is not tried here',
      text: 'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: s}\nspec: {nets: [10.0.0.0/8]}\n',
      ...{refused: 'bad-request', message: /GlobalNetworkSet s: only global policies/},
    },
    {name: 'a policy that there is not', text: EDITED, deleted: ['x'], refused: 'not-found', message: /no policy "x"/},
  ]
  for (const {name, text, deleted = [], refused, message} of refusals) {
    it(`refuses ${name}`, () => {
      const answer = policyDiff(known, 'allow', text, deleted)
      assert.ok('refused' in answer)
      assert.equal(answer.refused, refused)
      assert.match(answer.message, message)
      if (refused === 'document-refused') assert.ok(answer.findings?.some(({where}) => where.line !== undefined))
    })
  }
})

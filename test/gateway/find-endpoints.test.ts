import assert from 'node:assert/strict'
import type {EndpointRow} from '../../src/api/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {endpointRows} from '../../src/gateway/endpoint-rows.ts'
import {findEndpoints} from '../../src/gateway/find-endpoints.ts'
import {evaluateSelector, parseSelector} from '../../src/selectors/index.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf, podRecord, remote} from '../support/sites.ts'

describe('finding endpoints', () => {
  const federation = new Federation(configOf({sites: new Map([remote('b', '10.2.0.0/16')])}))
  federation.update(listOf('datastore/main', [podRecord('web', '10.1.0.7'), podRecord('db', '10.1.0.8')]))
  const rows = Array.from({length: 3000}, (_, index) =>
    rawRecord(`${EXPORT}endpoints/main/10.2.${index >> 8}.${index & 255}/${index % 3 === 0 ? 'x' : 'y'}`, {
      n: [`shop/p${index}`],
    }),
  )
  federation.update(
    listOf('export/b', [
      rawRecord(`${EXPORT}attributes/x`, {kind: 'pod', namespace: 'shop', labels: {app: 'db', size: 'l'}}),
      rawRecord(`${EXPORT}attributes/y`, {kind: 'pod', namespace: 'shop', labels: {app: 'web'}}),
      ...rows,
    ]),
  )
  const find = async (
    name: string | null,
    selector: string | null,
    text: string | null = null,
  ): Promise<readonly EndpointRow[]> => {
    const parsed = selector === null ? null : parseSelector(selector)
    assert.ok(parsed?.ok !== false)
    const found: EndpointRow[] = []
    for await (const row of findEndpoints(() => federation.world(), {name, selector: parsed?.ast ?? null, text}))
      found.push(row)
    return found
  }
  const sorted = (some: readonly EndpointRow[]) => some.map((row) => JSON.stringify(row)).sort()

  for (const selector of [
    "app == 'db'",
    "app != 'db'",
    'has(size)',
    "app in {'web'} && isthmus.io/site == 'b'",
    'all()',
    "none == 'x'",
  ]) {
    it(`by ${selector}: those of all whose labels it means`, async () => {
      const {ast} = parseSelector(selector) as Extract<ReturnType<typeof parseSelector>, {ok: true}>
      const all = [...endpointRows(federation.world())]
      const expected = all.filter(({labels}) => evaluateSelector(ast, (label) => labels[label]))
      assert.deepEqual(sorted(await find(null, selector)), sorted(expected))
    })
  }

  it('by the namespace, which is a label too where the labels leave it out', async () => {
    assert.equal((await find(null, "projectcalico.org/namespace == 'shop' && isthmus.io/site == 'b'")).length, 3000)
  })

  for (const [name, found] of [
    ['10.2.0.7', ['shop/p7']],
    ['shop/p2999', ['shop/p2999']],
    ['10.2.0.0/16', ['']],
    ['shop/none', []],
    ['10.9.0.1', []],
  ] as const) {
    it(`by name: ${name}`, async () => {
      assert.deepEqual(
        (await find(name, null)).map(({names}) => names.join()),
        found,
      )
    })
  }

  for (const {text, selector, of} of [
    {text: '.1.0.', selector: null, of: ({address}: EndpointRow) => address.includes('.1.0.')},
    {text: ' APP=d', selector: null, of: ({labels}: EndpointRow) => labels.app === 'db'},
    {text: 'HOP/P299', selector: null, of: ({names}: EndpointRow) => /shop\/p299/.test(names.join())},
    {
      text: '.2.7.',
      selector: "app == 'db'",
      of: ({address, labels}: EndpointRow) => /\.2\.7\./.test(address) && labels.app === 'db',
    },
    {text: 'nowhere', selector: null, of: () => false},
  ]) {
    it(`by a part of address, name or label: ${text} ${selector ?? ''}`, async () => {
      const expected = [...endpointRows(federation.world())].filter(of)
      assert.equal(expected.length === 0, text === 'nowhere')
      assert.deepEqual(sorted(await find(null, selector, text)), sorted(expected))
    })
  }

  it('by name and labels both', async () => {
    assert.deepEqual((await find('10.2.0.7', "app == 'db'")).length, 0)
    assert.deepEqual((await find('shop/p6', "app == 'db'")).length, 1)
  })
})

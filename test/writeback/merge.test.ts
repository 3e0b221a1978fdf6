import assert from 'node:assert/strict'
import {mergeObject} from '../../src/writeback/index.ts'

const IDENTITY = {uid: 'new', creationTimestamp: '2026-01-02T03:04:05Z'}
const WANT = JSON.stringify({
  ...{kind: 'IPPool', apiVersion: 'projectcalico.org/v3'},
  metadata: {name: 'n', labels: {a: '1'}, annotations: {'isthmus.io/owner': 'a'}},
  spec: {cidr: '10.2.0.0/16', natOutgoing: false, disabled: true, allowedUses: ['Workload', 'Tunnel']},
})
const BORN = '"uid":"u1","creationTimestamp":"2020-01-01T00:00:00Z"'
const held = (spec: string, metadata = '"labels":{"a":"1"}'): string =>
  `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"n",${metadata},"annotations":{"isthmus.io/owner":"a"},${BORN}},"spec":{${spec}}}`
const SAME = '"cidr":"10.2.0.0/16","natOutgoing":false,"disabled":true,"allowedUses":["Workload","Tunnel"]'

const merged = (text: string | null): string | null => mergeObject(WANT, text, () => IDENTITY)

describe('mergeObject', () => {
  it('a new object gets a name for life', () => {
    assert.equal(
      merged(null),
      '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"n","labels":{"a":"1"},"annotations":{"isthmus.io/owner":"a"},"uid":"new","creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{"cidr":"10.2.0.0/16","natOutgoing":false,"disabled":true,"allowedUses":["Workload","Tunnel"]}}',
    )
  })

  const same: {name: string; text: string}[] = [
    {name: 'itself', text: held(SAME)},
    {name: 'without what is empty, as a client stores it again', text: held(SAME.replace('"natOutgoing":false,', ''))},
    {name: 'with null for false', text: held(SAME.replace('false', 'null'))},
    {name: 'with more than we know', text: held(`${SAME},"future":{"n":1}`).replace(/}$/, ',"status":{}}')},
    {name: 'with more labels', text: held(SAME, '"labels":{"b":"2","a":"1"}')},
    {name: 'in another order', text: held(`"disabled":true,${SAME.replace('"disabled":true,', '')}`)},
  ]
  for (const {name, text} of same)
    it(`is not written when it says the same: ${name}`, () => assert.equal(merged(text), null))

  const other: {name: string; text: string; want: string}[] = [
    {name: 'a field of ours', text: held(SAME.replace('true', 'false')), want: held(SAME)},
    {
      name: 'a missing one',
      text: held(SAME.replace('"disabled":true,', '')),
      want: held(`${SAME.replace('"disabled":true,', '')},"disabled":true`),
    },
    {name: 'an item more', text: held(SAME.replace('"Tunnel"', '"Tunnel","LoadBalancer"')), want: held(SAME)},
    {
      name: 'a label of ours',
      text: held(SAME, '"labels":{"a":"2","b":"3"}'),
      want: held(SAME, '"labels":{"a":"1","b":"3"}'),
    },
    {
      name: 'and keeps integers, digits and names that a parser would lose',
      text: held(
        `"cidr":"x",${SAME.slice('"cidr":"10.2.0.0/16",'.length)},"n":1844674407370955161,"f":1.10,"e":1e+06,"__proto__":{"x":-0}`,
      ),
      want: held(`${SAME},"n":1844674407370955161,"f":1.10,"e":1e+06,"__proto__":{"x":-0}`),
    },
    {
      name: 'a spec that is none',
      text: held(SAME).replace(`{${SAME}}`, '7'),
      want: held(SAME),
    },
  ]
  for (const {name, text, want} of other) it(`mends ${name}`, () => assert.equal(merged(text), want))

  it('an object nested too deep to be walked is written anew', () => {
    const text = held(`"cidr":"x","deep":${'['.repeat(50_000)}${']'.repeat(50_000)}`)
    assert.equal(merged(text), merged(null))
  })

  it('an object without uid is given one', () => {
    const text = held(SAME).replace(`,${BORN}`, '')
    assert.match(merged(text) ?? '', /"uid":"new","creationTimestamp":"2026-01-02T03:04:05Z"/)
  })
})

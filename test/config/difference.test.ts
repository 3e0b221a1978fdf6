import assert from 'node:assert/strict'
import {configDifferences} from '../../src/config/index.ts'

describe('difference of two configurations', () => {
  const cases: {name: string; before: string; after: string; want: unknown}[] = [
    {name: 'none', before: 'a: 1\nb: {c: x}\n', after: '# said otherwise\nb:\n  c: x\na: 1\n', want: []},
    {
      name: 'a value',
      before: 'sites: {b: {encapsulation: ipip}}',
      after: 'sites: {b: {encapsulation: wireguard}}',
      want: [{field: 'sites.b.encapsulation', before: '"ipip"', after: '"wireguard"'}],
    },
    {
      name: 'what comes and goes',
      before: 'owns: [10.1.0.0/16]\ndefault: deny',
      after: 'owns: [10.1.0.0/16]\ntwin: a2',
      want: [
        {field: 'default', before: '"deny"', after: null},
        {field: 'twin', before: null, after: '"a2"'},
      ],
    },
    {
      name: 'an entry of a list by its name, whatever its place',
      before: 'peers: [{name: w1, as: 1}, {name: w2, as: 2}]',
      after: 'peers: [{name: w2, as: 3}, {name: w1, as: 1}]',
      want: [{field: 'peers[w2].as', before: '2', after: '3'}],
    },
    {
      name: 'a list of values is one',
      before: 'owns: [10.1.0.0/16]',
      after: 'owns: [10.1.0.0/16, 10.2.0.0/16]',
      want: [{field: 'owns', before: '["10.1.0.0/16"]', after: '["10.1.0.0/16","10.2.0.0/16"]'}],
    },
    {name: 'an empty file', before: '', after: 'a: 1', want: [{field: 'a', before: null, after: '1'}]},
    {name: 'one that is not YAML', before: 'a: [', after: 'a: 1', want: null},
  ]
  for (const {name, before, after, want} of cases) {
    it(name, () => {
      const found = configDifferences(before, after)
      assert.deepEqual(found?.filter(({field}) => field !== '') ?? null, want)
    })
  }
})

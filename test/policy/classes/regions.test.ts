import assert from 'node:assert/strict'
import fc from 'fast-check'
import {addressFromNumber, type Prefix, prefixContainsAddress} from '../../../src/net/index.ts'
import {cutRegions} from '../../../src/policy/classes/index.ts'
import {seed} from '../random-world.ts'
import {prefix} from '../worlds.ts'

const shown = (prefixes: string[]): string[] =>
  cutRegions(new Map(prefixes.map((text) => [prefix(text), text]))).map(
    ({family, first, last, inside}) =>
      `${addressFromNumber(first, family)}-${addressFromNumber(last, family)} ${inside.join(' ')}`,
  )

describe('cutRegions', () => {
  const cases: {name: string; prefixes: string[]; want: string[]}[] = [
    {name: 'nothing', prefixes: [], want: []},
    {name: 'one', prefixes: ['10.0.0.0/8'], want: ['10.0.0.0-10.255.255.255 10.0.0.0/8']},
    {
      name: 'a hole in the middle',
      prefixes: ['10.0.0.0/30', '10.0.0.1/32'],
      want: [
        '10.0.0.0-10.0.0.0 10.0.0.0/30',
        '10.0.0.1-10.0.0.1 10.0.0.0/30 10.0.0.1/32',
        '10.0.0.2-10.0.0.3 10.0.0.0/30',
      ],
    },
    {
      name: 'common first and last address',
      prefixes: ['10.0.0.0/31', '10.0.0.0/30', '10.0.0.3/32'],
      want: [
        '10.0.0.0-10.0.0.1 10.0.0.0/30 10.0.0.0/31',
        '10.0.0.2-10.0.0.2 10.0.0.0/30',
        '10.0.0.3-10.0.0.3 10.0.0.0/30 10.0.0.3/32',
      ],
    },
    {
      name: 'both families, whole',
      prefixes: ['::/0', '0.0.0.0/0'],
      want: ['0.0.0.0-255.255.255.255 0.0.0.0/0', '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::/0'],
    },
  ]
  for (const {name, prefixes, want} of cases) {
    it(name, () => {
      assert.deepEqual(shown(prefixes), want)
      assert.deepEqual(shown(prefixes.toReversed()), want, 'order must not matter')
    })
  }

  it('every address is in the region of exactly the prefixes that hold it', () => {
    const any = fc.tuple(fc.integer({min: 0, max: 15}), fc.integer({min: 28, max: 32}))
    fc.assert(
      fc.property(fc.array(any), (drawn) => {
        const prefixes = new Map<Prefix, Prefix>()
        for (const [host, length] of drawn) {
          const made = prefix(`10.0.0.${host}/${length}`)
          prefixes.set(made, made)
        }
        const regions = cutRegions(prefixes)
        for (let host = 0; host < 32; host++) {
          const number = (10n << 24n) + BigInt(host)
          const around = regions.filter(({first, last}) => first <= number && number <= last)
          const want = [...prefixes.keys()].filter((one) => prefixContainsAddress(one, addressFromNumber(number, 4)))
          assert.deepEqual(around.flatMap(({inside}) => inside).sort(), want.sort())
          assert.ok(around.length <= 1)
        }
      }),
      {seed},
    )
  })
})

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {EachLone, LoneMember, Member, Members, World} from '../../../src/model/index.ts'
import {fourNumber, type Prefix, prefixAddress} from '../../../src/net/index.ts'
import {compilePolicy} from '../../../src/policy/index.ts'
import {placed, policies, seed, tiers, verdicts} from '../random-world.ts'
import {world} from '../worlds.ts'

/** As federate has them: an IPv4 address with one member is told as a number. */
class Walked extends Map<Prefix, readonly Member[]> implements Members {
  *walk(eachLone: EachLone, eachOther: (prefix: Prefix, members: readonly Member[]) => void): Generator<void> {
    const known = new Map<string, LoneMember>()
    for (const [prefix, members] of this) {
      yield
      const [{site, source, attributes}, ...others] = [members[0]!, ...members.slice(1)]
      const four = prefix.endsWith('/32') && others.length === 0 ? fourNumber(prefixAddress(prefix)) : -1
      if (four < 0) {
        eachOther(prefix, members)
        continue
      }
      const key = `${site} ${source} ${attributes}`
      if (!known.has(key)) known.set(key, {site, source, attributes})
      eachLone(four, known.get(key)!)
    }
  }
}

describe(`members that are walked over (SEED=${seed})`, () => {
  it('are compiled to the same as members that are looked at', () => {
    fc.assert(
      fc.property(placed, tiers, policies, verdicts, (all, someTiers, somePolicies, standard) => {
        const plain = world(all, someTiers, somePolicies)
        const walk: World = {...plain, members: new Walked(plain.members)}
        const [one, other] = [plain, walk].map((of) => {
          const {sets, chains, statistics} = compilePolicy(of, {default: standard, previous: null, firstClass: 7})
          return {
            sets: new Map([...sets].map(([name, set]) => [name, new Map([...set.elements].sort())])),
            ...{chains, statistics},
          }
        })
        assert.deepEqual(other, one)
      }),
      {seed, numRuns: Number(process.env.RUNS ?? 250)},
    )
  }).timeout(60_000)
})

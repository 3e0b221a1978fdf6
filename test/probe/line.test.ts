import assert from 'node:assert/strict'
import fc from 'fast-check'
import {createLineReader, type ProbeLine, parseProbeLine} from '../../src/probe/index.ts'

/** As fping 5.1 prints them, and 5.3 one with the sender's clock. */
const LINES: readonly [line: string, probe: ProbeLine | null][] = [
  ['10.0.0.2 : [0], 64 bytes, 0.035 ms (0.035 avg, 0% loss)', {target: '10.0.0.2', sequence: 0, rttMs: 0.035}],
  ['10.0.0.2  : [12], 1480 bytes, 105 ms (99.1 avg, 0% loss)', {target: '10.0.0.2', sequence: 12, rttMs: 105}],
  ['10.0.0.2 : [3], 64 bytes, 1.2e+06 ms (1.2e+06 avg, 0% loss)', {target: '10.0.0.2', sequence: 3, rttMs: 1.2e6}],
  ['fd00::2 : [3], timed out (NaN avg, 100% loss)', {target: 'fd00::2', sequence: 3, rttMs: null}],
  ['10.0.0.2 : duplicate for [0], 64 bytes, 0.05 ms', null],
  ['10.0.0.2 : xmt/rcv/%loss = 3/3/0%, min/avg/max = 0.02/0.03/0.04', null],
  ['ICMP Host Unreachable from 10.0.0.1 for ICMP Echo sent to 10.0.0.9', null],
  ['10.0.0.2 : [1], 64 bytes, x ms (', null],
  ['', null],
]

const printed = ({target, sequence, rttMs}: ProbeLine): string =>
  `${target} : [${sequence}], ${rttMs === null ? 'timed out' : `64 bytes, ${rttMs} ms`} (0.1 avg, 0% loss)\n`

describe('lines of fping', () => {
  for (const [line, probe] of LINES) {
    it(`says ${probe ? 'a probe' : 'nothing'}: ${line || 'empty'}`, () => {
      assert.deepEqual(parseProbeLine(line), probe)
    })
  }

  it('any probes come out again, fed one byte at a time or cut anywhere, with other lines between', () => {
    const rtt = fc.option(fc.nat(10_000_000).map((thousandths) => thousandths / 1000))
    const line = fc.tuple(fc.ipV4(), fc.nat(), rtt).map(([target, sequence, rttMs]) => ({target, sequence, rttMs}))
    const noise = fc.constantFrom('', 'ICMP Host Unreachable from 10.0.0.1\n', '\n')
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, line)), fc.array(fc.nat(40)), (pairs, cuts) => {
        const text = pairs.map(([before, probe]) => before + printed(probe)).join('')
        const expected = pairs.map(([, probe]) => probe)
        const byByte = createLineReader()
        assert.deepEqual([...text].flatMap(byByte), expected)
        const cut = createLineReader()
        const found: ProbeLine[] = []
        let at = 0
        for (const length of cuts) {
          found.push(...cut(text.slice(at, at + length)))
          at += length
        }
        assert.deepEqual([...found, ...cut(text.slice(at))], expected)
      }),
    )
  })

  it('keeps no endless line', () => {
    const read = createLineReader()
    assert.deepEqual(read('x'.repeat(1 << 20)), [])
    assert.deepEqual(read('\n10.0.0.2 : [0], timed out (NaN avg, 100% loss)\n').length, 1)
  })
})

import assert from 'node:assert/strict'
import {largestPassing, type ProbedTunnel, probeGroups, probeOnce} from '../../src/probe/index.ts'

const tunnel = (device: string, peer: string, mtu = 1480, local = '10.0.0.1'): ProbedTunnel => ({
  device,
  mtu,
  local,
  peer,
})
const lines = (tunnels: readonly ProbedTunnel[]): string[] => probeGroups(tunnels).map(({key}) => key)

describe('groups of probes', () => {
  it('all tunnels of one MTU share one process a size', () => {
    assert.deepEqual(lines([tunnel('is-a', '10.0.0.2'), tunnel('is-b', '10.0.0.3')]), [
      '-4 -O 192 -l -p 1000 -t 900 -i 250 -b 56 10.0.0.2 10.0.0.3',
      '-4 -O 192 -l -p 5000 -t 2000 -i 1250 -b 1452 -M 10.0.0.2 10.0.0.3',
    ])
  })

  it('IPv6 inside has processes of its own, and a longer header', () => {
    assert.deepEqual(lines([tunnel('is-a', '10.0.0.2'), tunnel('is-b', 'fd64::2', 1480, 'fd64::1')]), [
      '-4 -O 192 -l -p 1000 -t 900 -i 500 -b 56 10.0.0.2',
      '-4 -O 192 -l -p 5000 -t 2000 -i 2500 -b 1452 -M 10.0.0.2',
      '-6 -O 192 -l -p 1000 -t 900 -i 500 -b 56 fd64::2',
      '-6 -O 192 -l -p 5000 -t 2000 -i 2500 -b 1432 -M fd64::2',
    ])
  })

  it('another MTU is another process for full packets only', () => {
    const bytes = lines([tunnel('is-a', '10.0.0.2'), tunnel('is-b', '10.0.0.3', 1300)]).map(
      (line) => /-b (\d+)/.exec(line)?.[1],
    )
    assert.deepEqual(bytes, ['56', '1452', '1272'])
  })

  it('two tunnels to one address are bound to their device and source, and no other is', () => {
    const found = lines([
      tunnel('is-a', '10.0.0.2'),
      tunnel('is-b', '10.0.0.2', 1480, '10.0.0.9'),
      tunnel('is-c', '10.0.0.3'),
    ])
    assert.deepEqual(
      found.filter((line) => !line.includes('-M')),
      [
        '-4 -O 192 -l -p 1000 -t 900 -i 500 -b 56 -I is-a -S 10.0.0.1 10.0.0.2',
        '-4 -O 192 -l -p 1000 -t 900 -i 500 -b 56 -I is-b -S 10.0.0.9 10.0.0.2',
        '-4 -O 192 -l -p 1000 -t 900 -i 500 -b 56 10.0.0.3',
      ],
    )
  })

  it('no tunnels, no process', () => assert.deepEqual(lines([]), []))

  it('a thousand targets still fit into a period', () => {
    const many = Array.from({length: 1000}, (_, index) => tunnel(`is-${index}`, `10.0.${index >> 8}.${index & 255}`))
    assert.match(lines(many)[0]!, / -i 1 /)
  })
})

describe('one probe', () => {
  it('is not answered where nobody may ask: fping is not there, or may not be started, which Node throws', async () => {
    const {signal} = new AbortController()
    for (const command of ['fping-that-is-not-installed', '\0'])
      assert.equal(await probeOnce(tunnel('is-a', '10.0.0.1'), 1000, 1, signal, command), false)
  })
})

describe('search of the largest size', () => {
  const search = async (carries: number, {low = 576, high = 1480, lowPasses = false} = {}) => {
    let asked = 0
    const found = await largestPassing({low, high, lowPasses}, async (size) => {
      asked++
      return size <= carries
    })
    return {found, asked}
  }

  it('finds every size, in at most twelve questions', async () => {
    for (let carries = 576; carries <= 1500; carries++) {
      const {found, asked} = await search(carries)
      assert.equal(found, Math.min(1480, carries - (carries % 2)))
      assert.ok(asked <= 12, `${asked} for ${carries}`)
    }
  })

  it('asks once where nothing is wrong, twice where nothing passes', async () => {
    assert.deepEqual(await search(1500), {found: 1480, asked: 1})
    assert.deepEqual(await search(100), {found: null, asked: 2})
    assert.deepEqual(await search(100, {high: 576}), {found: null, asked: 1})
  })

  it('asks twice where the low one is known and is still the largest, and finds every larger one', async () => {
    assert.deepEqual(await search(1301, {low: 1300, lowPasses: true}), {found: 1300, asked: 2})
    assert.deepEqual(await search(100, {low: 1478, lowPasses: true}), {found: 1478, asked: 1})
    for (let carries = 1300; carries <= 1500; carries++) {
      const {found} = await search(carries, {low: 1300, lowPasses: true})
      assert.equal(found, Math.min(1480, carries - (carries % 2)))
    }
  })
})

import assert from 'node:assert/strict'
import {createActualCache, type Readers} from '../../src/gateway/actual.ts'

function counting() {
  const reads: string[] = []
  const hooks: {bird?: () => Promise<void>} = {}
  const counted =
    <T>(name: string, value: T) =>
    async () => {
      reads.push(name)
      if (name === 'bird') await hooks.bird?.()
      return value
    }
  const readers: Readers = {
    sysctl: counted('sysctl', new Map()),
    fou: counted('fou', []),
    netlink: counted('netlink', {links: [], addresses: [], queues: [], sourceRules: []}),
    wireguard: counted('wireguard', []),
    nft: counted('nft', null),
    bird: counted('bird', {text: 'x', loaded: true}),
  }
  return {cache: createActualCache(readers), reads, hooks}
}

const signal = new AbortController().signal
const ALL = ['bird', 'fou', 'netlink', 'nft', 'sysctl', 'wireguard']

describe('createActualCache', () => {
  it('reads everything once, then remembers', async () => {
    const {cache, reads} = counting()
    await cache.read(signal)
    await cache.read(signal)
    assert.deepEqual(reads.toSorted(), ALL)
  })

  it('reads again only what is in doubt', async () => {
    const {cache, reads} = counting()
    await cache.read(signal)
    reads.length = 0
    cache.invalidate('netlink')
    await cache.read(signal)
    assert.deepEqual(reads, ['netlink'])
  })

  it('a part that cannot be read is named, and tried again', async () => {
    const {cache, reads, hooks} = counting()
    hooks.bird = async () => {
      throw new Error('no socket')
    }
    const {actual, unread} = await cache.read(signal)
    assert.deepEqual([...unread], [['bird', 'no socket']])
    assert.equal(actual.bird, null)
    delete hooks.bird
    assert.equal((await cache.read(signal)).unread.size, 0)
    assert.equal(reads.filter((part) => part === 'bird').length, 2)
  })

  it('what is put in doubt during its reading is read again', async () => {
    const {cache, reads, hooks} = counting()
    hooks.bird = async () => cache.invalidate('bird')
    await cache.read(signal)
    delete hooks.bird
    await cache.read(signal)
    assert.equal(reads.filter((part) => part === 'bird').length, 2)
  })
})

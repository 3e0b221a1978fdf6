import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {type DiskSeen, diskFindings} from '../../src/gateway/disk-findings.ts'
import {PATH_DEFAULTS} from '../../src/model/index.ts'
import {createSmallDisk} from '../support/small-disk.ts'

describe('disks that nothing can be written to', () => {
  const paths = {...PATH_DEFAULTS, state: '/var/lib/isthmus', birdConfig: '/var/lib/isthmus-bird/bird.conf'}
  const well: DiskSeen = {device: 1, freeBytes: 1e9, freeInodes: 1000, refusesWrites: false}
  const cases: {name: string; state: Partial<DiskSeen> | null; bird?: Partial<DiskSeen>; says: RegExp[]}[] = [
    {name: 'room', state: {}, says: []},
    {name: 'no room', state: {freeBytes: 4096}, says: [/\/var\/lib\/isthmus: the disk is full: traffic flows on, but/]},
    {name: 'no more files', state: {freeInodes: 0}, says: [/holds no more files/]},
    {name: 'files that are not counted', state: {freeInodes: null}, says: []},
    {name: 'read-only', state: {refusesWrites: true}, says: [/it cannot be written/]},
    {name: 'not there yet', state: null, says: []},
    {
      name: "BIRD's disk, another one",
      state: {},
      bird: {device: 2, freeBytes: 0},
      says: [/isthmus-bird: .*BIRD keeps/],
    },
    {name: 'one disk for both, told once', state: {freeBytes: 0}, bird: {freeBytes: 0}, says: [/isthmus: the disk/]},
  ]
  for (const {name, state, bird = {}, says} of cases) {
    it(name, () => {
      const look = (path: string): DiskSeen | null => {
        const seen = path === paths.state ? state : bird
        return seen && {...well, ...seen}
      }
      const lines = diskFindings({paths}, look).map(({where, detail}) => `${where.source}: ${detail}`)
      assert.equal(lines.length, says.length, lines.join('\n'))
      for (const [index, wanted] of says.entries()) assert.match(lines[index]!, wanted)
    })
  }

  it('a real one, while it is full', () => {
    const folder = mkdtempSync(join(tmpdir(), 'isthmus-disk-'))
    const disk = createSmallDisk(join(folder, 'disk'))
    try {
      const here = {paths: {...paths, state: disk.folder, birdConfig: '/nonexistent/bird.conf'}}
      assert.deepEqual(diskFindings(here), [])
      disk.fill()
      assert.deepEqual(
        diskFindings(here).map(({code}) => code),
        ['state-not-writable'],
      )
      disk.free()
      assert.deepEqual(diskFindings(here), [])
    } finally {
      disk.remove()
      rmSync(folder, {recursive: true})
    }
  })
})

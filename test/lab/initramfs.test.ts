import assert from 'node:assert/strict'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {zstdCompressSync} from 'node:zlib'
import {unpackModule} from '../../lab/vm/initramfs.ts'

describe('modules for the VM', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-modules-'))
  after(() => rmSync(folder, {recursive: true}))
  const MODULE = Buffer.from('\x7fELF, as it were')
  // What `xz` makes of it; Node has no packer of its own.
  const XZ = '/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAPf0VMRiwgYXMgaXQgd2VyZQDhD7OHYCeZqwABKBDlC2xgH7bzfQEAAAAABFla'

  for (const [name, content] of [
    ['a.ko', MODULE],
    ['a.ko.zst', zstdCompressSync(MODULE)],
    ['a.ko.xz', Buffer.from(XZ, 'base64')],
  ] as const) {
    it(`are unpacked: ${name}`, () => {
      const file = path.join(folder, name)
      writeFileSync(file, content)
      assert.deepEqual(unpackModule(file, '/bin/busybox'), MODULE)
    })
  }
})

import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {chmodSync, mkdtempSync, rmSync} from 'node:fs'
import {createServer, type Socket} from 'node:net'
import {tmpdir, userInfo} from 'node:os'
import path from 'node:path'
import {peerCredentials, socketCaller} from '../../src/api/peer-credentials.ts'

/** Connects as another user and is gone. */
const CONNECT = "require('node:net').connect(process.argv[1]).on('connect', () => process.exit())"

describe('peer credentials', () => {
  const connected = (uid: number): Promise<{socket: Socket; done: () => void}> =>
    new Promise((resolve, reject) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-peer-'))
      chmodSync(folder, 0o755)
      const file = path.join(folder, 's')
      const server = createServer((socket) => {
        const done = (): void => {
          socket.destroy()
          server.close()
          rmSync(folder, {recursive: true})
        }
        resolve({socket, done})
      })
      server.listen(file, () => {
        chmodSync(file, 0o666)
        try {
          execFileSync(process.execPath, ['-e', CONNECT, file], {uid, cwd: '/', stdio: 'ignore'})
        } catch (error) {
          reject(error)
        }
      })
    })

  it('are those of the process at the other end', async () => {
    const {uid, gid, username} = userInfo()
    const {socket, done} = await connected(uid)
    const found = peerCredentials(socket)
    assert.deepEqual([found?.uid, found?.gid], [uid, gid])
    assert.ok(found && found.pid > 1 && found.pid !== process.pid)
    const caller = await socketCaller(socket)
    assert.deepEqual([caller.via, caller.role, caller.name], ['socket', 'admin', `uid ${uid} (${username})`])
    done()
  })

  it('of another user too', async function () {
    if (process.getuid?.() !== 0) this.skip()
    const {socket, done} = await connected(12_345)
    assert.equal((await socketCaller(socket)).name, 'uid 12345')
    done()
  })
})

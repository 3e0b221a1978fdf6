import {once} from 'node:events'
import {createServer, type Socket} from 'node:net'

/** Speaks like BIRD's control socket, from a script: for answers that a real BIRD cannot be made to give. */
export interface ScriptedBird {
  readonly commands: readonly string[]
  close(): Promise<void>
}

/** `answer` gives the reply's lines for a command, or null to hang up; undefined: silence. */
export async function scriptedBird(
  path: string,
  answer: (command: string) => string | null | undefined,
): Promise<ScriptedBird> {
  const commands: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setEncoding('utf8')
    socket.on('error', () => socket.destroy())
    const say = (command: string): void => {
      const words = answer(command)
      if (words === null) socket.destroy()
      else if (words !== undefined) socket.write(`${words}\n`)
    }
    say('')
    socket.on('data', (text: string) => {
      for (const command of text.split('\n').filter(Boolean)) {
        commands.push(command)
        say(command)
      }
    })
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    commands,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

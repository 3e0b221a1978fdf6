import type {ServerResponse} from 'node:http'

/** Who does not take a piece for so long is gone. */
const PATIENCE_MS = 30_000

/** Writes what is made as fast as the other end takes it, and no faster: nothing gathers here. */
export async function writeOut(response: ServerResponse, begun: string, rest: AsyncGenerator<string>): Promise<void> {
  let goesOn = response.write(begun) || (await drained(response))
  while (goesOn && !response.destroyed) {
    const {done, value} = await rest.next()
    if (done) {
      response.end()
      return
    }
    goesOn = response.write(value) || (await drained(response))
  }
  // Half an answer must not look like a whole one.
  response.destroy()
  await rest.return(undefined)
}

/** Whether there is room again, and anybody. */
function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const onDrain = (): void => done(true)
    const onClose = (): void => done(false)
    const done = (goesOn: boolean): void => {
      clearTimeout(timer)
      response.off('drain', onDrain).off('close', onClose)
      resolve(goesOn)
    }
    const timer = setTimeout(onClose, PATIENCE_MS)
    response.on('drain', onDrain).on('close', onClose)
    if (response.destroyed) onClose()
  })
}

import {createContext} from 'preact'
import {useContext, useEffect, useState} from 'preact/hooks'
import {askText} from './ask.ts'

/** Which runbooks the gateway has, and which of them tells of a finding's code: made by the build from their texts. */
export interface RunbookList {
  readonly names: readonly string[]
  readonly byCode: Readonly<Record<string, string>>
}

/** Asked for once, and then the same for all who show a link. */
export class RunbookStore {
  #asked: Promise<RunbookList | null> | null = null

  list(): Promise<RunbookList | null> {
    this.#asked ??= askText('runbooks/list.json').then((text) => (text === null ? null : JSON.parse(text)))
    return this.#asked
  }
}

export const RunbookContext = createContext(new RunbookStore())

export function useRunbooks(): RunbookList | null {
  const store = useContext(RunbookContext)
  const [list, setList] = useState<RunbookList | null>(null)
  useEffect(() => {
    let isOver = false
    void store.list().then((known) => {
      if (!isOver) setList(known)
    })
    return () => {
      isOver = true
    }
  }, [store])
  return list
}

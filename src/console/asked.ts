import {useEffect, useRef, useState} from 'preact/hooks'
import {type Asked, ask} from './ask.ts'

export interface Answered<T> {
  readonly answer: Asked<T> | null
  readonly again: () => void
}

/** Asks when first shown, when the question becomes another, and every so often; an answer to an earlier question is dropped. */
export function useAsked<T>(path: string | null, everyMs: number | null = null): Answered<T> {
  const [answer, setAnswer] = useState<Asked<T> | null>(null)
  const [turn, setTurn] = useState(0)
  const asking = useRef('')
  // A turn asks the same again
  useEffect(() => {
    if (path === null) return setAnswer(null)
    if (asking.current !== path) setAnswer(null)
    asking.current = path
    let isOver = false
    const once = async (): Promise<void> => {
      const next = await ask<T>(path)
      if (!isOver) setAnswer(next)
    }
    void once()
    const timer = everyMs === null ? null : setInterval(() => void once(), everyMs)
    return () => {
      isOver = true
      if (timer !== null) clearInterval(timer)
    }
  }, [path, everyMs, turn])
  return {answer, again: () => setTurn(turn + 1)}
}

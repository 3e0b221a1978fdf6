/** Does what goes on until this process is told to end, by systemd or by Ctrl-C; it then ends by itself. */
export async function untilTold(act: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const end = new AbortController()
  const tell = (): void => end.abort()
  const signals = ['SIGTERM', 'SIGINT'] as const
  for (const signal of signals) process.once(signal, tell)
  try {
    await act(end.signal)
  } finally {
    for (const signal of signals) process.off(signal, tell)
  }
}

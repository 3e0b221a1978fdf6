import {useLayoutEffect, useState} from 'preact/hooks'
import {chooseTheme, chosenTheme, showTheme, THEMES} from './chosen-theme.ts'

export function ThemeSwitch() {
  const [theme, setTheme] = useState(chosenTheme)
  useLayoutEffect(() => {
    showTheme(theme)
    // Plots are painted, and have to be told.
    window.dispatchEvent(new Event('theme'))
  }, [theme])
  return (
    <label class="theme">
      <span class="unseen">Theme</span>
      <select
        value={theme}
        onChange={(event) => {
          const chosen = THEMES.find((one) => one === event.currentTarget.value) ?? 'auto'
          chooseTheme(chosen)
          setTheme(chosen)
        }}
      >
        <option value="auto">Auto</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  )
}

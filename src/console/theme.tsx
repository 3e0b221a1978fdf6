import {useLayoutEffect, useState} from 'preact/hooks'

const THEMES = ['auto', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]
const KEY = 'isthmus-theme'

/** Storage may be forbidden; then the choice holds for as long as the page is open. */
function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'auto'
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    return 'auto'
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme)
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
  }
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(stored)
  useLayoutEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
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
          keep(chosen)
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

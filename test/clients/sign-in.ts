// A browser as far as a sign-in needs one: keeps cookies, follows redirects, submits the one form of a page.

export interface Page {
  url: string
  text: string
}

/** Remembers cookies as one browser does; a second one is a second device. */
export class Browser {
  readonly #cookies = new Map<string, string>()

  async open(url: string | URL, init: RequestInit = {}): Promise<Page> {
    const headers = { Cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const cookie of response.headers.getSetCookie()) this.#keep(cookie)
    const location = response.headers.get('Location')
    if (location === null) return { url: String(url), text: await response.text() }
    return await this.open(new URL(location, url))
  }

  /** Submits the form of a page, with what its hidden fields say and what was typed. */
  async submit({ url, text }: Page, typed: Record<string, string> = {}): Promise<Page> {
    const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(text) ?? []
    const hidden = [...text.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)]
    const fields = hidden.map(([, name = '', value = '']): [string, string] => [name, value])
    const body = new URLSearchParams({ ...Object.fromEntries(fields), ...typed })
    return await this.open(new URL(action, url), { method: 'POST', body })
  }

  /** Signs in on the provider's page under a name, and agrees if it asks whether the shop may know. */
  async signIn(url: string | URL, name: string): Promise<Page> {
    const signIn = await this.open(url)
    const next = await this.submit(signIn, { login: name, password: 'any' })
    return next.text.includes('value="consent"') ? await this.submit(next) : next
  }

  #keep(cookie: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
    if (value === '') this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}

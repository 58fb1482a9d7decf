// The page /docs: Swagger UI over the document of this very Worker.
import { tokens } from './tokens.js'

const dark = matchMedia('(prefers-color-scheme: dark)')
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', followScheme)
followScheme()

const ui = SwaggerUIBundle({
  url: '/openapi.json',
  domNode: document.getElementById('reference'),
  // By default it asks a validator of its own, on another host.
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  onComplete: () => {
    for (const [scheme, token] of Object.entries(tokens)) ui.preauthorizeApiKey(scheme, token)
  },
})

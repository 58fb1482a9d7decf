// The page /docs: Swagger UI with the OpenAPI document of this Worker.
import { tokens } from './tokens.js'

const dark = matchMedia('(prefers-color-scheme: dark)')
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', followScheme)
followScheme()

document.getElementById('document').textContent = new URL('/openapi.json', location.origin).href

/** Says whose tokens are filled in, which only a local start does, and leads back to its page. */
function showWhose({ accessToken, accountToken }) {
  const claimsOf = (token) =>
    JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))
  const { store_id: store } = claimsOf(accessToken)
  const account = accountToken && claimsOf(accountToken).account_id
  const whose = account ? `of a shopper with the account ${account}` : 'of a guest'
  const back = document.createElement('a')
  back.href = '/'
  back.textContent = '← Back to the two devices'
  const line = document.getElementById('local')
  line.append(
    back,
    ` Local tokens are filled in, ${whose}, in the store ${store}: press Try it out.`,
  )
  line.hidden = false
}
if (tokens.accessToken) showWhose(tokens)

/** Hides the choice of a server, as there is one, folds long tables, and adds what screen readers need. */
const accessible = ({ React }) => {
  const withProps = (change) => (Component) => (props) =>
    React.createElement(Component, { ...props, ...change(props) })
  const folded = (title, applies) => (Component) => (props) => {
    const whole = React.createElement(Component, props)
    if (!applies(props)) return whole
    const summary = React.createElement('summary', {}, title)
    return React.createElement('details', { className: 'folded' }, summary, whole)
  }
  return {
    wrapComponents: {
      // A request's example stays in view, since it is sent.
      modelExample: folded('Example and schema', (props) => props.includeReadOnly),
      headers: folded('Headers', (props) => props.headers?.size > 0),
      ServersContainer: () => () => null,
      // A link within a button cannot be reached.
      DeepLink: withProps(() => ({ enabled: false })),
      // The text on a button is its name.
      Button: withProps(() => ({ 'aria-label': undefined })),
      CloseIcon: withProps(() => ({
        'aria-hidden': undefined,
        role: 'img',
        'aria-label': 'Close',
      })),
      ExamplesSelect: (Select) => (props) =>
        React.createElement(
          'label',
          { className: 'examples-label' },
          React.createElement('span', { className: 'unseen' }, 'Example'),
          React.createElement(Select, props),
        ),
      TextArea: withProps(() => ({ 'aria-label': 'Request body' })),
    },
  }
}

const ui = SwaggerUIBundle({
  url: '/openapi.json',
  domNode: document.getElementById('reference'),
  // By default Swagger UI sends the document to its validator on the internet.
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  syntaxHighlight: { theme: 'obsidian' },
  plugins: [accessible],
  onComplete: () => {
    for (const [scheme, token] of Object.entries(tokens)) ui.preauthorizeApiKey(scheme, token)
  },
})

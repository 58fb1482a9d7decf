// The page /docs: Swagger UI with the OpenAPI document of this Worker.
import { tokens } from './tokens.js'

const dark = matchMedia('(prefers-color-scheme: dark)')
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', followScheme)
followScheme()

/** Hides the choice of a server, as there is one, and adds what screen readers need. */
const accessible = ({ React }) => {
  const withProps = (change) => (Component) => (props) =>
    React.createElement(Component, { ...props, ...change(props) })
  return {
    wrapComponents: {
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

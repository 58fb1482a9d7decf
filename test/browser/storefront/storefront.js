// Keeps the cart of a shopper who is signed in, and lists their carts, with Elastic Path's client.
import { gateway } from '@elasticpath/js-sdk'

const { host, clientId, accountId, accountToken } = Object.fromEntries(
  new URLSearchParams(location.hash.slice(1)),
)
const client = gateway({
  client_id: clientId,
  host,
  protocol: 'http',
  // Spelled as AddAccountAssociation spells it, so that its header replaces this one.
  headers: { 'EP-ACCOUNT-MANAGEMENT-AUTHENTICATION-TOKEN': accountToken },
})

/** Shows the answer of each click, or its errors. */
const onClick = (id, ask) =>
  document.getElementById(id).addEventListener('click', async () => {
    const status = document.querySelector('[role=status]')
    status.textContent = ''
    const answer = await ask().catch((errors) => errors)
    status.textContent = typeof answer === 'string' ? answer : JSON.stringify(answer)
  })

onClick('associate', () => client.Cart().AddAccountAssociation(accountId, accountToken))
onClick('list', () => client.Cart().GetCartsList())

//! The demo's project folder: the shipped rule and three more, so that every gate has something to do.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

const SCHEMA: &str = "\
customer:
  wholesale: {type: boolean, default: false}
  tier: {type: string, one_of: [bronze, silver, gold]}
events:
  Order Completed: {order_id: string, revenue: number, currency: string, quantity: number}
";

const THANK_YOU: &str = "\
rule: thank-you
description: A word of thanks to those who come often. Fires at one instant for all, so some wait for their morning.
class: marketing
topic: offers
trigger: {schedule: \"0 10 * * *\", timezone: business}
when:
  - orders.count >= 8
  - days_since(orders.last_at) <= 14
again_after: 90d
priority: 40
steps:
  - email: thank-you
goal: {event: Order Completed, within: 30d, value: revenue}
";

const AT_RISK: &str = "\
rule: at-risk-to-crm
description: Tells the CRM of good customers who have gone quiet, so that a person can call.
class: service
trigger: {schedule: \"0 11 * * *\", timezone: business}
when:
  - orders.revenue > 8000
  - days_since(orders.last_at) > 60
again_after: 60d
steps:
  - webhook:
      to: crm
      type: customer.at_risk
      data: {id: \"{{ customer.id }}\", orders: \"{{ orders.count }}\", revenue: \"{{ orders.revenue }}\"}
";

const NEWS: &str = "\
rule: news
description: News for everyone. So many on its first day that the brake stops it; a person must say go on.
class: marketing
topic: offers
trigger: {schedule: \"0 18 * * *\", timezone: business}
when: everyone
again_after: 7d
priority: 10
steps:
  - email: news
goal: {event: Order Completed, within: 7d, value: revenue}
";

const THANK_YOU_MAIL: &str = "\
---
subject: \"Thank you, {{ customer.first_name or 'dear guest' }}\"
preheader: You make our mornings
---
Dear {{ customer.first_name or 'guest' }},

you have come by {{ orders.count }} times. We noticed, and we are glad.

[See you soon]({{ words.shop }}){.button}
";

const NEWS_MAIL: &str = "\
---
subject: News from {{ business.name }}
preheader: A new roast is here
---
Dear {{ customer.first_name or 'guest' }},

a new roast is here.

[Have a look]({{ words.shop }}){.button}
";

/// Writes the project folder.
pub(super) fn write(folder: &Path, mail: SocketAddr, hook: &str, secret: &str) -> std::io::Result<()> {
    let settings = format!(
        "\
business:
  name: Amani Coffee
  address: \"Moi Avenue 1, Nairobi\"
  timezone: Africa/Nairobi
  locale: en
  currency: KES
  words: {{shop: \"https://amani.example\"}}
topics: {{offers: Offers and news}}
email:
  from: Amani Coffee <hello@amani.example>
  transport: smtp://{mail}
endpoints:
  crm:
    url: {hook}
    secret: {{file: crm.secret}}
    allow_http: true
    allow_addresses: [127.0.0.0/8]
"
    );
    let files = [
        ("retaind.yaml", settings.as_str()),
        ("crm.secret", secret),
        ("schema.yaml", SCHEMA),
        ("rules/win-back.yaml", include_str!("../../../rules/win-back.yaml")),
        ("rules/thank-you.yaml", THANK_YOU),
        ("rules/at-risk-to-crm.yaml", AT_RISK),
        ("rules/news.yaml", NEWS),
        ("templates/win-back/en.md", include_str!("../../../templates/win-back/en.md")),
        ("templates/win-back-why/en.md", include_str!("../../../templates/win-back-why/en.md")),
        ("templates/thank-you/en.md", THANK_YOU_MAIL),
        ("templates/news/en.md", NEWS_MAIL),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

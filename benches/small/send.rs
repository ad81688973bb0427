//! Making a message out of a delivery.

use crate::shop::{self, NOW};
use divan::{Bencher, black_box};
use retaind::channels::email::{Mail, compose};
use retaind::domain::{Customer, DeliveryId, Interest, Schema};
use retaind::templates::{self, Business, Message, Names, Rendered, TemplateFile, Templates};
use std::collections::BTreeMap;

struct Shop {
    schema: Schema,
    words: BTreeMap<String, String>,
    business: Business,
    zone: jiff::tz::TimeZone,
    customer: Customer,
    templates: Templates,
}

impl Shop {
    fn new() -> anyhow::Result<Self> {
        let mut schema = Schema::default();
        schema.complete();
        let words = [("shop".to_owned(), "https://shop.example".to_owned())].into();
        let file = TemplateFile {
            name: "win-back".to_owned(),
            locale: "en".to_owned(),
            path: "templates/win-back/en.md".into(),
            content: Ok(include_bytes!("../../templates/win-back/en.md").to_vec()),
        };
        let (templates, problems) =
            templates::compile(&[file], &Names { schema: &schema, words: &words, sent_by: &BTreeMap::new() });
        anyhow::ensure!(!problems.iter().any(retaind::domain::Diagnostic::is_error), "{problems:?}");
        let business = Business {
            name: "Amani Coffee".to_owned(),
            address: "Moi Avenue 1, Nairobi".to_owned(),
            locale: "en".to_owned(),
        };
        let customer = shop::customer(&Interest::default());
        Ok(Self { schema, words, business, zone: jiff::tz::TimeZone::UTC, customer, templates })
    }

    fn render(&self) -> Result<Rendered, templates::RenderError> {
        let message = Message {
            customer: &self.customer,
            event: None,
            schema: &self.schema,
            words: &self.words,
            business: &self.business,
            zone: &self.zone,
            locale: "en-GB",
        };
        self.templates.render("win-back", black_box(&message))
    }
}

/// The shipped mail, text and HTML.
#[divan::bench]
fn render_the_shipped_mail(bencher: Bencher<'_, '_>) {
    let shop = Shop::new().expect("the template compiles");
    shop.render().expect("the template renders");
    bencher.bench(|| shop.render());
}

/// The same mail from its parts to the bytes on the wire.
#[divan::bench]
fn compose_the_shipped_mail(bencher: Bencher<'_, '_>) {
    let rendered = Shop::new().expect("the template compiles").render().expect("the template renders");
    let mail = Mail {
        id: DeliveryId([7; 16]),
        from: "Amani Coffee <hello@amani.example>".to_owned(),
        reply_to: None,
        to: "ana.horvat@example.org".to_owned(),
        subject: rendered.subject,
        preheader: rendered.preheader,
        text: rendered.text,
        html: rendered.html,
        date: NOW,
        headers: vec![("Feedback-ID".to_owned(), "win-back:marketing:retaind:amani.example".to_owned())],
    };
    compose(&mail).expect("the mail can be composed");
    bencher.bench(|| compose(black_box(&mail)));
}

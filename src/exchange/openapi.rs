//! What the OpenAPI document says beside the calls: title, how to authenticate, groups. The calls describe themselves where
//! they are served, so the document cannot name one that is not there.

use utoipa::openapi::security::{ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, Header, HeaderBuilder, InfoBuilder, License, ObjectBuilder, OpenApi, OpenApiBuilder, RefOr,
    SecurityRequirement, Type,
};

const ABOUT: &str = "\
Send records of the criminal justice process in your own format; pull or get pushed what is addressed to your offices.\n\n\
Get a token (`POST /oauth2/token`), send a record (`POST /v1/records/{kind}`), keep the receipt. Sending the same bytes \
again gives the same answer, so a client that is not sure sends again. Errors are `application/problem+json` (RFC 9457) \
with a stable `code` and every violation at its place in the document as sent. Times are RFC 3339 with offset.";

/// The document without its calls.
pub fn about() -> OpenApi {
    let tags = [
        ("records", "The way in"),
        ("feed", "The way out for those who pull"),
        ("messages", "What became of what you sent or were sent"),
        ("cases", "A case on one page"),
        ("attachments", "Files that records name"),
        ("model", "Kinds, schemas, examples, codes, and who you are here"),
        ("tokens", "Who is speaking"),
        ("documents", "This description"),
    ];
    let info = InfoBuilder::new()
        .title("icjs exchange API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(License::new("Apache-2.0")))
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme(
            "token",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("at+jwt").build()),
        )
        .security_scheme(
            "client",
            SecurityScheme::OAuth2(OAuth2::new([Flow::ClientCredentials(ClientCredentials::new(
                "/oauth2/token",
                Scopes::from_iter([
                    ("send:<kind>", "Send records of a kind"),
                    ("receive", "Read the feed, acknowledge, answer"),
                    ("read", "Read the state of messages"),
                    ("search", "Case files and record search"),
                ]),
            ))])),
        )
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", Vec::<String>::new())]))
        .tags(Some(tags.map(|(name, words)| TagBuilder::new().name(name).description(Some(words)).build())))
        .build()
}

/// The document with the fields of the remaining allowance in every answer to a call with a token.
pub fn with_allowance(mut document: OpenApi) -> OpenApi {
    for path in document.paths.paths.values_mut() {
        let calls = [&mut path.get, &mut path.head, &mut path.put, &mut path.post, &mut path.patch];
        for call in calls.into_iter().flatten() {
            let answers = &mut call.responses.responses;
            if !answers.contains_key("429") {
                continue;
            }
            for answer in answers.iter_mut().filter(|(status, _)| *status != "401").map(|(_, answer)| answer) {
                if let RefOr::T(answer) = answer {
                    answer.headers.insert("RateLimit-Policy".to_owned(), header(POLICY));
                    answer.headers.insert("RateLimit".to_owned(), header(REMAINING));
                }
            }
        }
    }
    document
}

const POLICY: &str = "So many calls (`q`) in so many seconds (`w`), such as `\"calls\";q=400;w=2`";
const REMAINING: &str = "Calls left (`r`) and seconds until all are there again (`t`), such as `\"calls\";r=399;t=1`; on a 429, `Retry-After` \
     says when the next call is taken";

fn header(words: &str) -> RefOr<Header> {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    RefOr::T(HeaderBuilder::new().schema(Some(text)).description(Some(words)).build())
}

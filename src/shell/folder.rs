//! The gateway's folder as the command line sees it: where things lie, and what to say when they do not lie there.
//! Reads only; what is written goes through `starter` or the verbs.

use std::path::{Path, PathBuf};

use super::authority;
use super::client::{Addresses, Answer, Badge, Call, Client, NoAnswer, unreachable};
use super::exit::{Exit, Failure, file_failure};
use crate::config::Settings;

/// A folder that should be a gateway's.
#[derive(Debug, Clone)]
pub struct GatewayFolder {
    path: PathBuf,
}

impl GatewayFolder {
    /// Names it; nothing is looked at yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Fails with advice where this is no gateway's folder.
    pub fn require(&self) -> Result<(), Failure> {
        if self.file("config").is_dir() {
            return Ok(());
        }
        let shown = self.path.display();
        Err(Failure::new(
            Exit::NoInput,
            format!("`{shown}` is no gateway folder: there is no `config` in it"),
            "name the folder with --dir DIR or ICJS_DIR, or make one with `icjs init DIR`",
        ))
    }

    /// Where the gateway of this folder listens.
    pub fn addresses(&self) -> Result<Addresses, Failure> {
        self.require()?;
        Addresses::read(&self.path).ok_or_else(|| {
            let shown = self.path.display();
            Failure::new(
                Exit::Unreachable,
                format!("no gateway runs in `{shown}`: it has no data/listen.json"),
                format!("start it with `icjs serve --dir {shown}`"),
            )
        })
    }

    /// Where the exchange of the running gateway is called, and a client that may call it as `system`: with the certificate
    /// of the system's that lies in the folder, where the exchange speaks TLS.
    pub fn exchange(&self, system: &str) -> Result<(String, Client), Failure> {
        let addresses = self.addresses()?;
        if !addresses.tls {
            return Ok((addresses.exchange, Client::new()?));
        }
        let settings = Settings::load(&self.path).map_err(|errors| {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            Failure::new(Exit::Configuration, first, "mend config/gateway.toml; `icjs check` lists every mistake")
        })?;
        let [certificate, key] = authority::files_of(&self.path, system);
        if !certificate.exists() {
            return Err(Failure::new(
                Exit::NoInput,
                format!(
                    "the exchange speaks TLS, and there is no certificate of `{system}` at `{}`",
                    certificate.display()
                ),
                format!("put it there (PEM), and its private key at `{}`", key.display()),
            ));
        }
        let read = |path: &Path| std::fs::read(path).map_err(|error| file_failure(path, &error));
        let own = [read(&certificate)?, read(&key)?].concat();
        let files = settings.tls.files(&self.path);
        let roots = [read(&files.clients)?, read(&files.certificate)?].concat();
        let here = addresses.exchange.strip_prefix("https://").and_then(|address| address.parse().ok());
        // Its certificate and its tokens are for the name by which others call it, and it is called here.
        let name = settings.exchange.url.as_deref().and_then(|url| url.strip_prefix("https://"));
        let name = name.map(|rest| rest.split([':', '/']).next().unwrap_or(rest).to_owned());
        let exchange = settings.exchange.url.unwrap_or(addresses.exchange);
        Ok((exchange, Client::with(&Badge { own, roots, named: name.zip(here) })?))
    }

    /// The administrator's token, made by the gateway when it starts.
    pub fn admin_token(&self) -> Result<String, Failure> {
        let path = self.file("data/admin.token");
        let text = std::fs::read_to_string(&path).map_err(|error| file_failure(&path, &error))?;
        Ok(text.trim().to_owned())
    }

    /// Calls the admin API. `Ok(None)` where no gateway runs: the store is then free for direct use.
    pub async fn admin(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Option<Answer>, Failure> {
        self.require()?;
        let Some(addresses) = Addresses::read(&self.path) else { return Ok(None) };
        let mut call = Call { method, url: format!("{}{path}", addresses.admin), ..Call::default() };
        // A listen.json without a token is left over from a gateway that was killed before it wrote one.
        let Ok(token) = self.admin_token() else { return Ok(None) };
        call.token = Some(token);
        if let Some(body) = body {
            call.headers.push(("content-type".to_owned(), "application/json".to_owned()));
            call.body = body.to_string().into();
        }
        let url = addresses.admin.clone();
        match Client::new()?.call(call).await {
            Ok(answer) => Ok(Some(answer)),
            Err(NoAnswer(why)) if why == super::client::NOBODY => Ok(None),
            Err(why) => Err(unreachable(&url, &why)),
        }
    }

    /// Calls the admin API of a gateway that must be running.
    pub async fn running_admin(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, Failure> {
        let addresses = self.addresses()?;
        let answer = self.admin(method, path, body).await?;
        let answer =
            answer.ok_or_else(|| unreachable(&addresses.admin, &NoAnswer(super::client::NOBODY.to_owned())))?;
        if answer.good() {
            return Ok(answer);
        }
        let mut failure = super::client::refused(&answer);
        // The advice for records would mislead here: an administrator's order was wrong, or names what is not there.
        match answer.status {
            400 => "the order is not as it must be; the verb's --help shows how it is written"
                .clone_into(&mut failure.advice),
            404 => "check the id or number, and --dir: this gateway may not be the one that has it"
                .clone_into(&mut failure.advice),
            _ => {}
        }
        Err(failure)
    }
}

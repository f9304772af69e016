//! The gateway's folder as the command line sees it: where things lie, and what to say when they do not lie there.
//! Reads only; what is written goes through `starter` or the verbs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::authority;
use super::client::{Addresses, Answer, Badge, Call, Client, NoAnswer, unreachable};
use super::exit::{Exit, Failure, file_failure};
use crate::config::Settings;

/// A folder that should be a gateway's.
#[derive(Debug, Clone)]
pub struct GatewayFolder {
    path: PathBuf,
    way: Way,
}

/// As whom, and where, the admin API is called; as the owner of the folder where neither is said.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// Base URL, where it is not the one of the folder's gateway.
    pub url: Option<String>,
    /// A file with an administrator's token.
    pub token: Option<PathBuf>,
}

impl GatewayFolder {
    /// Names it; nothing is looked at yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), way: Way::default() }
    }

    /// The same folder, its admin API called in another way.
    pub fn by(self, way: Way) -> Self {
        Self { way, ..self }
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

    /// The owner's token, made by the gateway when it starts.
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
        let mut call = Call { method, ..Call::default() };
        if let Some(body) = body {
            call.headers.push(("content-type".to_owned(), "application/json".to_owned()));
            call.body = body.to_string().into();
        }
        call.token = self.way.token.as_deref().map(own_token).transpose()?;
        if let Some(url) = &self.way.url {
            call.url = format!("{}{path}", elsewhere(url, call.token.is_some())?);
            let answer = Client::new()?.call(call).await.map_err(|why| unreachable(url, &why))?;
            return Ok(Some(answer));
        }
        self.require()?;
        let Some(addresses) = Addresses::read(&self.path) else { return Ok(None) };
        let socket = self.file("data/admin.sock");
        if call.token.is_none() && socket.exists() {
            let call = Call { url: format!("http://localhost{path}"), ..call.clone() };
            match Client::at_socket(&socket)?.call(call).await {
                // One that was left behind, or whose name is too long for a socket's: there is the token.
                Err(NoAnswer(why)) if why == super::client::NOBODY => {}
                Err(why) => return Err(unreachable(&socket.display().to_string(), &why)),
                Ok(answer) => return Ok(Some(answer)),
            }
        }
        call.url = format!("{}{path}", addresses.admin);
        if call.token.is_none() {
            // A listen.json without a token is left over from a gateway that was killed before it wrote one.
            let Ok(token) = self.admin_token() else { return Ok(None) };
            call.token = Some(token);
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
        let nobody = || NoAnswer(super::client::NOBODY.to_owned());
        let answer = match self.admin(method, path, body).await? {
            Some(answer) => answer,
            None => return Err(unreachable(&self.addresses()?.admin, &nobody())),
        };
        if answer.good() { Ok(answer) } else { Err(not_ordered(&answer)) }
    }
}

/// What the admin API refused. The advice for senders of records would mislead here.
pub fn not_ordered(answer: &Answer) -> Failure {
    let mut failure = super::client::refused(answer);
    let advice = match answer.status {
        400 => "the order is not as it must be; the verb's --help shows how it is written",
        401 => {
            "the token is none of this gateway's, its time is over, or it was taken out of config/administrators.toml: ask an administrator"
        }
        403 => "`icjs administrator me` says as whom you call; config/administrators.toml says who may do what",
        404 => "check the id or number, and --dir: this gateway may not be the one that has it",
        _ => return failure,
    };
    advice.clone_into(&mut failure.advice);
    failure
}

/// An administrator's token. A file that others can read is refused: it may not be his alone any more.
fn own_token(path: &Path) -> Result<String, Failure> {
    let mode = std::fs::metadata(path).map_err(|error| file_failure(path, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        let shown = path.display();
        return Err(Failure::new(
            Exit::NotAllowed,
            format!("`{shown}` holds a token and can be read by others"),
            format!("`chmod 600 {shown}`; if somebody may have read it, take it out of config/administrators.toml"),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| file_failure(path, &error))?;
    Ok(text.trim().to_owned())
}

/// The base URL of an admin API that is not the folder's. A token is for no wire in clear.
fn elsewhere(url: &str, token: bool) -> Result<&str, Failure> {
    let url = url.trim_end_matches('/');
    let authority = url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
    let here = authority.is_some_and(|place| {
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        host == "localhost" || host == "[::1]" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
    });
    if !here && !url.starts_with("https://") {
        let advice = "write `https://host:port`, or `http://127.0.0.1:port` (such as the end of an `ssh -L` tunnel)";
        return Err(Failure::new(Exit::Usage, format!("`--admin {url}`: plain HTTP is for this machine only"), advice));
    }
    if !token {
        let advice = "add --token-file FILE, or set ICJS_ADMIN_TOKEN_FILE";
        return Err(Failure::new(Exit::Usage, "`--admin` calls as somebody, with a token", advice));
    }
    Ok(url)
}

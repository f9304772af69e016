//! A gateway with three systems that pull: police, a court, and a prison that has nothing to do with their records.

use super::{Client, Folder, Gateway, Party};

/// The station of the police.
pub const POLICE: &str = "ps:38101004";
/// The court's registry.
pub const COURT: &str = "court:DLCT01";
/// A room of that court, of the same system.
pub const ROOM: &str = "court:DLCT01/3";

/// The gateway, and each system's line to it.
pub struct Trio {
    /// Where it runs.
    pub folder: Folder,
    /// It.
    pub gateway: Gateway,
    /// `police-a`.
    pub police: Client,
    /// `court-a`.
    pub court: Client,
    /// `prison-a`.
    pub stranger: Client,
}

impl Trio {
    /// All three are connected.
    pub async fn start() -> Self {
        let folder = Folder::with(&[
            Party::pulling("police-a", "police", &[POLICE]),
            Party::pulling("court-a", "courts", &[COURT, ROOM]),
            Party::pulling("prison-a", "prisons", &["prison:DL01"]),
        ]);
        let gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police-a").await;
        let court = Client::connect(&folder, gateway.exchange, "court-a").await;
        let stranger = Client::connect(&folder, gateway.exchange, "prison-a").await;
        Self { folder, gateway, police, court, stranger }
    }
}

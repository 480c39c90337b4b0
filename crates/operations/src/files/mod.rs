//! Files of DMS on S3, as far as the runbook moves them. Databend reads and removes files of a stage; it renames none, and
//! cannot copy one that it cannot read. So this is done on S3, with the AWS credentials that DMS is asked with.

mod aws;
mod storage;

use async_trait::async_trait;
use miette::Diagnostic;

pub use aws::AwsFiles;
pub use storage::Storage;

/// The calls. Paths are below a stage's root.
#[async_trait]
pub trait Files: Send + Sync {
    /// `HeadObject`: a file, if it is there.
    async fn look(&self, storage: &Storage, path: &str) -> Result<Option<Stored>, FilesError>;
    /// `CopyObject`, if the file is as it was looked at.
    async fn copy(&self, storage: &Storage, from: &str, seen: &Stored, to: &str) -> Result<(), FilesError>;
    /// `DeleteObject`.
    async fn remove(&self, storage: &Storage, path: &str) -> Result<(), FilesError>;
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its size in bytes.
    pub size: u64,
    /// What S3 tells its content by.
    pub etag: String,
}

/// An error of S3 or on the way to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum FilesError {
    /// No credentials, or not the right ones.
    #[error("AWS does not let {call} of {file} through: {detail}")]
    #[diagnostic(help(
        "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the account of the bucket; the runbook needs s3:GetObject, s3:PutObject and s3:DeleteObject on the stage's files, and s3:ListBucket on its bucket. Then run the same command again"
    ))]
    Access {
        /// The API call.
        call: &'static str,
        /// The file.
        file: String,
        /// What AWS or the SDK said.
        detail: String,
    },
    /// No answer, or one that says to come back later.
    #[error("no answer from S3 to {call} of {file}: {detail}")]
    #[diagnostic(help(
        "check the network, the stage's endpoint and AWS_ENDPOINT_URL, then run the same command again"
    ))]
    NoAnswer {
        /// The API call.
        call: &'static str,
        /// The file.
        file: String,
        /// What the network said.
        detail: String,
    },
    /// Anything else that S3 said.
    #[error("S3 refused {call} of {file}: {detail}")]
    #[diagnostic(help(
        "fix what it says, then run the same command again: it looks at what exists and continues from there"
    ))]
    Refused {
        /// The API call.
        call: &'static str,
        /// The file.
        file: String,
        /// What S3 said.
        detail: String,
    },
    /// The copy is not what was copied.
    #[error("the copy {copy} of {file} has {found} bytes instead of {expected}, so the file was not removed")]
    #[diagnostic(help("run the same command again: it copies the file once more"))]
    CopyDiffers {
        /// The file.
        file: String,
        /// Its copy.
        copy: String,
        /// Bytes of the file.
        expected: u64,
        /// Bytes of the copy.
        found: u64,
    },
    /// Another file has the path that a file is to get.
    #[error("{file} cannot be moved: another file is at {by}")]
    #[diagnostic(help(
        "look at both files, move one of them to another folder by hand, then run the same command again"
    ))]
    Occupied {
        /// The file.
        file: String,
        /// The other one.
        by: String,
    },
    /// Neither the file nor its copy is there.
    #[error("{file} is not there any more, and neither is {copy}")]
    #[diagnostic(help("somebody else has moved it; run the same command again, which looks at what exists"))]
    Gone {
        /// The file.
        file: String,
        /// Where it should have gone.
        copy: String,
    },
}

impl FilesError {
    /// Whether it may pass by itself.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::CopyDiffers { .. })
    }
}
